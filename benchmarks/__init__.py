"""Races of the course's own algorithms against the libraries that everybody uses."""
