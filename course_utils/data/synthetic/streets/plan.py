"""What stands where: houses, trees, cars, people and poles of a street, in metres, drawn by lot."""

from types import SimpleNamespace

import numpy as np

FAR = 110.0  # metres to the end of the street


# Albedos, linear. Walls and cars share colours with each other, with the road and the sky: that is the point.
# fmt: off
WALLS = np.array([
    (.29, .14, .10), (.34, .19, .13), (.25, .15, .12), (.42, .33, .22), (.50, .45, .36), (.60, .57, .50),
    (.34, .34, .35), (.22, .23, .25), (.46, .48, .50), (.55, .50, .38), (.62, .50, .40),
    (.38, .42, .40), (.18, .17, .16), (.45, .29, .21),
])
PAINTS = np.array([
    (.65, .66, .67), (.40, .42, .44), (.20, .21, .23), (.02, .02, .025), (.07, .08, .09), (.40, .03, .02),
    (.28, .07, .05), (.03, .07, .24), (.09, .15, .24), (.03, .10, .05), (.12, .17, .07),
    (.45, .38, .26), (.50, .52, .54), (.16, .10, .07),
])
LEAVES = np.array([
    (.07, .12, .03), (.05, .09, .03), (.11, .13, .04), (.04, .08, .045),
    (.14, .11, .03), (.12, .07, .03), (.09, .10, .06),
])
CLOTHES = np.array([
    (.02, .02, .025), (.04, .05, .09), (.10, .10, .11), (.28, .28, .29), (.35, .05, .04), (.45, .40, .33),
    (.10, .13, .06), (.06, .12, .28), (.55, .55, .56), (.20, .12, .07), (.5, .30, .04),
])
FRAMES = np.array([(.6, .6, .58), (.6, .6, .58), (.07, .07, .08), (.16, .08, .05)])
FASCIAS = np.array([(.3, .03, .03), (.03, .06, .25), (.03, .12, .07), (.05, .05, .05), (.5, .42, .2)])
ROOFS = np.array([(.07, .075, .09), (.22, .09, .06), (.12, .11, .10)])
HAIR = np.array([(.02, .015, .01), (.1, .06, .03), (.25, .18, .09), (.3, .3, .3)])
PLATES = np.array([(.6, .6, .58), (.6, .45, .05)])
SIGNS = np.array([(.45, .03, .03), (.02, .08, .4), (.5, .5, .5), (.5, .38, .02)])
# fmt: on


def _one_of(options, rng):
    """One row of a table, drawn by lot."""
    return options[rng.integers(len(options))]


def lay_out(k, view, rng):
    """The street as a SimpleNamespace; each kind of thing draws from a stream of its own."""
    street = SimpleNamespace(half_road=view.half_road, half_street=view.half_street)
    street.houses = [*_row(-1, view, rng.houses), *_row(1, view, rng.houses), *_end(view, rng.houses)]
    for house in street.houses:
        house.panes = rng.openings.random((24, 64, 6)).astype(np.float32)
    street.ground = _pavement(view, rng.ground)
    street.trees = _planted(k, view, street, rng.trees)
    street.cars = _parked(k, view, rng.cars)
    street.people = _walking(k, view, rng.people)
    street.poles, street.lamps = _standing(k, view, rng.poles)
    return street


def _row(side, view, rng):
    """The houses of one side (-1 left, 1 right), wall to wall with a gap now and then."""
    houses, z = [], rng.uniform(-14, -6)
    storeys, style = rng.integers(2, 5), rng.integers(len(WALLS))
    while z < FAR:
        length, gap, alike = rng.uniform(6, 17), rng.random() < 0.16, rng.random() < 0.35
        house = _style(rng, style if alike else rng.integers(len(WALLS)), storeys)
        house.side, house.start, house.stop = side, z, z + length
        house.at = view.half_street + rng.choice([0, 0, 0, 0.5, 1.8])
        if not (gap and z > 3):
            houses.append(house)
        z += length
    return houses


def _end(view, rng):
    """What closes the street: a house across it, or nothing but the sky."""
    house = _style(rng, rng.integers(len(WALLS)), rng.integers(2, 6))
    house.side, house.start, house.stop, house.at = 0, -22.0, 22.0, rng.uniform(55, FAR)
    return [house] if rng.random() < 0.6 else []


def _style(rng, style, storeys):
    storeys = int(np.clip(storeys + rng.integers(-1, 2), 2, 5))
    house = SimpleNamespace(storeys=storeys, ground=rng.uniform(3.0, 4.0), storey=rng.uniform(2.7, 3.3))
    house.height = house.ground + (storeys - 1) * house.storey + rng.uniform(0.3, 1.1)
    house.albedo = WALLS[style] * np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.04, 3))
    house.material = "brick" if style in (0, 1, 2, 3, 13) else str(rng.choice(["render", "stone", "render"]))
    house.bay, house.wide = rng.uniform(2.1, 3.6), rng.uniform(0.38, 0.66)
    house.tall, house.sill = rng.uniform(0.46, 0.62), rng.uniform(0.2, 0.3)
    house.frame = _one_of(FRAMES, rng)
    house.panes_across, house.panes_down = rng.integers(1, 3), rng.integers(1, 4)
    house.shop, house.pitched = rng.random() < 0.4, rng.random() < 0.6
    house.fascia = _one_of(FASCIAS, rng)
    house.trim = house.albedo * rng.uniform(0.8, 1.5) if rng.random() < 0.5 else np.array((0.5, 0.49, 0.46))
    house.roof = _one_of(ROOFS, rng)
    house.slope, house.chimneys = rng.uniform(0.6, 1.0), rng.uniform(0.1, 0.9, 2)
    house.pipe, house.depth = rng.uniform(0, 1), rng.uniform(7, 11)
    house.offset = rng.integers(0, 256, 2).tolist()
    return house


def _pavement(view, rng):
    """Markings, patches, cracks and covers of the ground."""
    ground = SimpleNamespace(
        offset=rng.integers(0, 256, 2).tolist(), asphalt=rng.uniform(0.09, 0.2), tint=rng.normal(0, 0.02, 3)
    )
    ground.slabs = rng.uniform(0.2, 0.36) * np.exp(rng.normal(0, 0.05, 3))
    ground.patches = [
        (rng.uniform(-1, 1) * view.half_road, z, *rng.uniform((0.4, 0.6, 0.6), (1.6, 4, 1.25)).tolist())
        for z in rng.uniform(3, 35, 5).tolist()
    ]
    ground.cracks = [
        (
            rng.uniform(-0.9, 0.9) * view.half_road,
            rng.uniform(0.6, 3, 3).tolist(),
            rng.uniform(0, 6, 3).tolist(),
        )
        for _ in range(3)
    ]
    ground.crossing = rng.uniform(7, 26) if rng.random() < 0.3 else None
    ground.covers = [(rng.uniform(-0.8, 0.8) * view.half_road, z) for z in rng.uniform(4, 26, 3).tolist()]
    ground.middle, ground.edge = rng.integers(3), rng.integers(3)
    ground.wear = rng.uniform(0.5, 1.1)
    return ground


def _planted(k, view, street, rng):
    """Trees: along the kerbs, and in clumps where a house is missing or the street ends."""
    places = [(side, z) for z in range(9, 80, 9) for side in (-1, 1)]
    avenue = rng.random(2) < 0.55  # whether a side has street trees at all
    bare = rng.random() < 0.3
    trees = []
    for side, z in places:
        taken, dx, dz = rng.random(3).tolist()
        dx, dz = 2 * dx - 1, 2 * dz - 1
        tree = _grown(rng, bare)
        open_here = not any(h.side == side and h.start - 1 < z < h.stop + 1 for h in street.houses)
        tree.x = (
            side * (view.half_road + 0.8 + 0.2 * dx)
            if not open_here
            else side * (view.half_street + 2.2 + dx)
        )
        tree.z = z + 2.5 * dz
        if taken < k.trees * (1.5 if open_here or avenue[(side + 1) // 2] else 0.35):
            trees.append(tree)
    for x in range(-40, 41, 6):  # the far end
        tree, taken = _grown(rng, bare), rng.random()
        tree.x, tree.z = x + rng.uniform(-2, 2), FAR + rng.uniform(0, 8)
        if taken < 1.8 * k.trees:
            trees.append(tree)
    return trees


def _grown(rng, bare):
    height = rng.uniform(4.5, 10)
    tree = SimpleNamespace(
        height=height,
        bare=bare,
        crown=rng.uniform(0.5, 0.68) * height,
        offset=rng.integers(0, 256, 2).tolist(),
    )
    tree.wide, tree.trunk = rng.uniform(0.28, 0.42) * height, rng.uniform(0.012, 0.024) * height
    tree.tall, tree.lean = (height - tree.crown), rng.normal(0, 0.03)
    tree.leaf = _one_of(LEAVES, rng) * np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.08, 3))
    tree.bark = np.array((0.11, 0.09, 0.07)) * rng.uniform(0.5, 1.5)
    tree.open, tree.branching = rng.uniform(-0.25, 0.25), rng.random((127, 3)).tolist()
    return tree


def _parked(k, view, rng):
    """Cars at the kerbs, bumper to bumper, and a few on the road."""
    cars = []
    spots = [(side, z, True) for z in np.arange(5.5, 70, 6.2).tolist() for side in (-1, 1)]
    spots += [(side, z, False) for z in (14, 30, 48) for side in (-1, 1)]
    for side, z, parked in spots:
        taken, dx, dz, flip = rng.random(), rng.normal(), rng.normal(), rng.random()
        car = _built(rng)
        car.x = side * (view.half_road - 1.05 + 0.08 * dx) if parked else side * (0.42 * view.half_road - 0.3)
        car.z, car.parked = z + 0.4 * dz * (1 if parked else 4), parked
        away = (side > 0) if not parked else flip < 0.5 + 0.4 * side
        car.heading = (0 if away else np.pi) + 0.03 * dx
        if taken < k.traffic * (1 if parked else 0.6) and car.z > 8 - 0.8 * abs(car.x - view.x):
            cars.append(car)
    return cars


def _built(rng):
    kind = rng.random()
    car = SimpleNamespace(paint=_one_of(PAINTS, rng) * np.exp(rng.normal(0, 0.15)))
    car.long, car.wide, car.high = rng.uniform(3.9, 4.7), rng.uniform(1.66, 1.82), rng.uniform(1.4, 1.55)
    car.van = kind < 0.12
    car.estate = kind > 0.55
    if car.van:
        car.high, car.long = rng.uniform(1.9, 2.4), rng.uniform(4.6, 5.4)
    car.plate = _one_of(PLATES, rng)
    car.dirt = rng.uniform(0, 0.4)
    return car


def _walking(k, view, rng):
    """People on the pavements, some crossing."""
    people = []
    for draw in rng.random((24, 6)).tolist():
        person = SimpleNamespace(
            height=rng.uniform(1.55, 1.9), phase=rng.uniform(0, 2 * np.pi), build=rng.uniform(0.85, 1.2)
        )
        person.top, person.legs = _one_of(CLOTHES, rng), _one_of(CLOTHES[:5], rng) * rng.uniform(0.7, 1.5)
        person.skin = np.array((0.42, 0.27, 0.20)) * rng.uniform(0.2, 1.1)
        person.hair = _one_of(HAIR, rng)
        person.bag, person.skirt, person.turn = rng.random() < 0.4, rng.random() < 0.2, rng.uniform(0.3, 1)
        side = 1 if draw[0] > 0.5 else -1
        on_road = draw[1] < 0.15
        person.x = side * (view.half_road + 0.4 + draw[2] * (view.half_street - view.half_road - 0.9))
        person.x = (2 * draw[2] - 1) * view.half_road if on_road else person.x
        person.z = 7.5 + 32 * draw[3] ** 1.5
        people.append((person, draw[4]))
    return [person for person, taken in people if taken < k.people / len(people)]


def _standing(k, view, rng):
    """Poles (lamp posts, signs, traffic lights, bollards), and the lamps: tuples (x, y, z)."""
    poles, lamps = [], []
    first, tall, both = rng.uniform(5, 15), rng.uniform(5.5, 8.5), rng.random() < 0.5
    style = rng.random()
    for number in range(5):
        for side in (-1, 1):
            if both or (number % 2) * 2 - 1 == side:
                x, z = side * (view.half_road + 0.35), first + 17 * number + rng.normal(0, 0.5)
                taken, arm = rng.random(), 0.0 if style < 0.3 else rng.uniform(0.9, 1.5)
                lamp = (x - side * arm, tall, z)
                lamps.append(lamp)  # it shines on the street whether or not its pole is in the picture
                if taken < 1.4 * k.poles:
                    poles.append(
                        SimpleNamespace(
                            kind="lamp", x=x, z=z, height=tall, radius=0.07, arm=-side * arm, grey=0.12
                        )
                    )
    for z in (6.5, 9, 12, 16, 21, 27, 34, 42):
        for side in (-1, 1):
            taken, kind, dx, dz = rng.random(), rng.random(), rng.uniform(-1, 1), rng.uniform(-1, 1)
            pole = SimpleNamespace(
                x=side * (view.half_road + 0.45 + 0.15 * dx), z=z + 1.5 * dz, arm=0.0, radius=0.035
            )
            pole.grey, pole.height = rng.uniform(0.04, 0.35), rng.uniform(2.3, 3.1)
            pole.kind = (
                "sign" if kind < 0.5 else "signal" if kind < 0.62 else "bollard" if kind < 0.8 else "wire"
            )
            pole.face = _one_of(SIGNS, rng)
            pole.square, pole.state = rng.random() < 0.4, rng.integers(3)
            if pole.kind == "bollard":
                pole.height, pole.radius = 1.0, 0.08
            if pole.kind == "wire":
                pole.height, pole.radius = 8.0, 0.11
            if taken < 0.45 * k.poles:
                poles.append(pole)
    return poles, lamps
