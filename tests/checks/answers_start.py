"""Lesson 00: answers to its exercises, right ones written in unusual ways and usual mistakes."""

import numpy as np
from answers import right, wrong


@right("first-mask")
def place_in_sorted_list(image, threshold):
    """A binary search in a list of one number: only what is greater goes behind it."""
    return np.searchsorted([threshold], image.ravel(), side="left").reshape(image.shape) == 1


@right("first-mask")
def sign_of_difference(image, threshold):
    return np.sign(image - threshold) == 1


@right("first-mask")
def pixel_by_pixel(image, threshold):
    mask = np.zeros(image.shape, dtype=bool)
    for y, row in enumerate(image.tolist()):
        for x, value in enumerate(row):
            mask[y, x] = not value <= threshold
    return mask


@wrong("first-mask")
def grey_values_above(image, threshold):
    """The picture with the dark pixels blackened, not a mask."""
    return np.where(image > threshold, image, 0.0)


@wrong("first-mask")
def at_least(image, threshold):
    """Pixels equal to the threshold are marked, too."""
    return image >= threshold


@wrong("first-mask")
def forgotten_argument(image, threshold):
    """The number of the lesson's example stands in the code; the argument is not used."""
    return image > 0.45


@wrong("first-mask")
def mask_of_255(image, threshold):
    """A picture of 0 and 255, as other programs write masks, not bool."""
    return (image > threshold).astype(np.uint8) * 255


@wrong("first-mask")
def only_the_values(image, threshold):
    """Indexing with the mask gives the list of bright values; the shape is gone."""
    return image[image > threshold]


@wrong("first-mask")
def darker(image, threshold):
    """The comparison is the wrong way round."""
    return image < threshold


@wrong("first-mask")
def python_if(image, threshold):
    """An ``if`` about a whole array: numpy refuses to call it true or false."""
    return bool(image > threshold)


@wrong("first-mask")
def printed_only(image, threshold):
    """Shown instead of returned."""
    print(image > threshold)


@right("object-share")
def coordinates_of_object(mask):
    """The object as a set of coordinates, the picture as the product of its sides."""
    height, width = mask.shape
    return len(set(zip(*np.nonzero(mask), strict=True))) / (height * width)


@right("object-share")
def between_two_vectors(mask):
    """Ones on both sides of the matrix add all of it up."""
    height, width = mask.shape
    return float(np.full(height, 1 / height) @ mask @ np.full(width, 1 / width))


@right("object-share")
def split_in_two(mask):
    """Recursion: the share of a picture is the weighted mean of the shares of its halves."""
    if mask.size == 1:
        return float(mask.item())
    if mask.shape[0] < mask.shape[1]:
        mask = mask.T
    half = len(mask) // 2
    return (half * split_in_two(mask[:half]) + (len(mask) - half) * split_in_two(mask[half:])) / len(mask)


@wrong("object-share")
def percent(mask):
    """Per cent, from 0 to 100."""
    return 100 * mask.mean()


@wrong("object-share")
def number_of_pixels(mask):
    """The area, not divided by anything."""
    return int(mask.sum())


@wrong("object-share")
def divided_by_len(mask):
    """``len`` of an array is its number of rows, not of its pixels."""
    return mask.sum() / len(mask)


@wrong("object-share")
def object_to_background(mask):
    """The ratio of object to background instead of the share of the whole."""
    return mask.sum() / max(1, (~mask).sum())


@wrong("object-share")
def share_of_background(mask):
    """The share of the zeros."""
    return np.mean(mask == 0)


@wrong("object-share")
def whole_division(mask):
    """``//`` cuts the fraction off."""
    return float(mask.sum() // mask.size)


@wrong("object-share")
def rounded_share(mask):
    """Rounded inside the function, as one would for printing."""
    return round(float(mask.mean()), 2)


@wrong("object-share")
def mean_of_rows(mask):
    """A mean for every row."""
    return mask.mean(axis=1)
