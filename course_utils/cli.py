"""The command ``course``: open the lessons, run them, build them, look at the machine.

Everything heavy is imported where it is used, so that ``course --help`` answers at once.
"""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="course",
    help="From Pixels to Regions, a course on image segmentation. Begin with: course lab",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Lessons = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LESSON]…", help="Such as 2, 02 or 02_thresholding; all if none."),
]


# -- for students -------------------------------------------------------------------------------------


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    port: Annotated[int, typer.Option(help="Port to listen on; a free one near it is taken.")] = 8888,
):
    """Open your copies of the lessons in JupyterLab. Options it does not know go on to JupyterLab."""
    from course_utils import doctor, paths
    from course_utils.publish import copies
    from course_utils.publish import lab as jupyter

    with _told(copies.CopyError):
        changes = copies.update()
    _tell_changes(changes, paths.work())
    first = next((change.path for change in changes if change.kind == "added"), None)
    minutes = jupyter.idle_minutes(doctor.memory() / doctor.GB)
    print(f"A kernel that nobody uses for {minutes} minutes is shut down; your notebooks stay as they are.")
    print("To stop: Ctrl+C here, twice.\n", flush=True)
    jupyter.start(paths.work(), first, port, not no_browser, minutes, context.args)


@app.command()
def reset(lesson: Annotated[str, typer.Argument(help="Such as 2, 02 or 02_thresholding.")]):
    """Give a lesson a fresh copy. Yours stays beside it, with the date in its name."""
    from course_utils.publish import copies
    from course_utils.publish.lesson import LessonError, find

    with _told(LessonError, copies.CopyError):
        (name,) = find([lesson], _shipped())
        copy, backup = copies.reset(name)
    print(f"{copy} is fresh." + (f" What you had is in {backup.name}, beside it." if backup else ""))


@app.command()
def doctor():
    """Say what is wrong with this machine for this course, and how to mend it."""
    from course_utils import doctor

    report = doctor.examine()
    print(report)
    raise typer.Exit(0 if report.fit else 1)


# -- for authors --------------------------------------------------------------------------------------


@app.command()
def run(
    lessons: Lessons = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the measurements, and the outputs, in the clone.")
    ] = False,
):
    """Run the notebooks without a browser; tell the seconds and the peak memory of each."""
    from course_utils.publish import building, execute, lesson

    with _told(lesson.LessonError):
        if record:
            _record(lessons)
            return
        names = lesson.find(lessons or [], _shipped())
    failed = False
    for name in names:
        try:
            with _progress(name) as on_cell:
                done = execute.execute(building.shipped(name), cores=building.CORES, on_cell=on_cell)
            print(f"{name}: {done.seconds:.1f} s, {done.peak_mb:.0f} MB")
        except execute.CellError as error:
            failed = True
            print(f"{name}: {error}", file=sys.stderr)
    raise typer.Exit(int(failed))


@app.command()
def build(
    lessons: Lessons = None,
    solved: Annotated[
        bool, typer.Option("--solved", help="The instructor's notebooks, with solutions.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Execute also what has not changed.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default=False)] = None,
):
    """Make notebooks from lessons/*.md: into notebooks/, or build/solved/ with --solved."""
    from course_utils import checks
    from course_utils.publish import building, readme
    from course_utils.publish.lesson import LessonError

    with _told(LessonError):
        for lesson in _sources(lessons):
            target = (out or building.folder(solved)) / f"{lesson.name}.ipynb"
            with _progress(lesson.name) as on_cell:
                built = building.build(
                    lesson, checks.exercise, target, solved=solved, force=force, on_cell=on_cell
                )
            how = (
                "executed"
                if built.executed
                else "written with the outputs it had"
                if built.changed
                else "unchanged"
            )
            print(f"{built.path}: {how}, {built.kb:.0f} kB")
    if not (solved or out) and readme.update():
        print("README.md: its badges and its table of lessons changed")


@app.command()
def study(name: Annotated[str | None, typer.Argument(help="Without it, the studies are listed.")] = None):
    """Do what is still missing of a recorded experiment."""
    from course_utils import paths, studies, study
    from course_utils.data import checksums

    studies.register()
    if name is None:
        for found in study.STUDIES.values():
            print(f"{found.name}: {found.question} ({len(found.runs())} runs)")
        return
    if name not in study.STUDIES:
        _stop(f"There is no study {name!r}. There are: {', '.join(study.STUDIES)}.")
    if paths.checkout() is None:
        _stop("What studies record ships with the course. Clone the project and run this there.")
    with _told(ValueError, OSError), _progress(name) as on_run:
        new = study.record(study.STUDIES[name], on_run=on_run)
    checksums.update()
    print(f"{study.STUDIES[name].path}: {new} new rows")


@app.command()
def bench(names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="All if none.")] = None):
    """Race the course's functions against other libraries and write the report."""
    from course_utils import paths

    if paths.checkout() is None:
        _stop("The races are not part of an installed package. Clone the project and run this there.")
    sys.path.insert(0, str(paths.checkout()))
    from benchmarks import race

    with _told(ValueError, RuntimeError):
        race.main(names or ())


# -- helpers ------------------------------------------------------------------------------------------


def _shipped():
    """Names of the notebooks that the course ships."""
    from course_utils import paths

    return sorted(path.stem for path in paths.bundled("notebooks").glob("[0-9][0-9]_*.ipynb"))


def _sources(wanted):
    """The lessons that were asked for, read."""
    from course_utils.publish import lesson

    found = {path.stem: path for path in lesson.every()}
    return [lesson.read(found[name]) for name in lesson.find(wanted or [], list(found))]


def _record(wanted):
    """Measure lessons on this machine, which should have nothing else to do."""
    import psutil

    from course_utils import checks
    from course_utils.data import checksums
    from course_utils.publish import building

    busy = psutil.cpu_percent(1) / 100 * psutil.cpu_count()
    if busy > 0.5:
        print(f"This machine is busy ({busy:.1f} cores): the seconds will be too many.", file=sys.stderr)
    for lesson in _sources(wanted):
        with _progress(lesson.name) as on_cell:
            target = building.folder(solved=False) / f"{lesson.name}.ipynb"
            entry = building.measure(lesson, checks.exercise, target, on_cell=on_cell)
        print(f"{lesson.name}: {entry['seconds']} s, {entry['peak_mb']} MB, recorded")
    checksums.update()


def _tell_changes(changes, work):
    """Where the copies lie, the first time; what is new, the other times."""
    added = [change.path for change in changes if change.kind == "added"]
    if added:
        print(f"Your copies of the lessons are in {work}.")
        print("Write in them as you like: an update of the course never replaces what you wrote.")
    for change in changes:
        if change.kind == "updated":
            print(f"{change.path.stem}: updated (you had not edited it)")
        if change.kind == "newer":
            print(f"{change.path.stem}: put beside your edited copy")


@contextmanager
def _progress(title):
    """A progress bar on standard error; yields a function(done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _told(*errors):
    """Errors that a person can mend become a sentence and exit code 1; any other keeps its traceback."""
    try:
        yield
    except errors as error:
        _stop(str(error))


def _stop(message):
    typer.echo(message, err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
