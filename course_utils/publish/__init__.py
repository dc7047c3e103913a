"""Lessons become notebooks: one Markdown source, several builds.

``lessons/NN_topic.md`` is what an author edits. A *build* is a short list of passes, each a pure function
notebook -> notebook (`passes`); the student's notebook and the instructor's solved one differ in that list
alone. `building` puts them together: read the lesson, run the passes, execute what is new, write the file.

=============== =================================================================
`lesson`        a source file -> front matter and cells, each with its line
`passes`        the filters on tags that make a build
`execute`       a notebook run headless and offline, with its time and memory
`record`        what was measured, and from which lesson, library and data
`building`      all of these in order, and the drift between lesson and notebook
`copies`        the student's own copies: added, updated, never overwritten
`lab`           the settings under which JupyterLab opens them
=============== =================================================================
"""
