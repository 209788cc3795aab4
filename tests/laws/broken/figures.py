"""Figures with one fault each."""

from __future__ import annotations

from itertools import count

from matplotlib.figure import Figure

CAPTION = "Error on test sequences against the steps since the release."


def plotted(material) -> Figure:
    """A figure of what is measured."""
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.plot(material.steps["step"], material.steps["free"], ".")
    axes.set(xlabel="Steps since the release")
    return figure


class Sound:
    CAPTION = CAPTION

    @staticmethod
    def draw(material):
        return {} if material.steps.empty else {"": plotted(material)}


class Empty(Sound):
    @staticmethod
    def draw(material):
        return {}


class NoFigure(Sound):
    @staticmethod
    def draw(material):
        return {"": plotted(material).axes[0]}


class OfNothing(Sound):
    @staticmethod
    def draw(material):
        return {"": plotted(material)}


class Changes(Sound):
    @staticmethod
    def draw(material):
        material.steps["free"] = -material.steps["free"]
        return Sound.draw(material)


class Counts(Sound):
    drawn = count()

    @staticmethod
    def draw(material):
        figures = Sound.draw(material)
        for figure in figures.values():
            figure.suptitle(f"Number {next(Counts.drawn)}")
        return figures


class Speechless(Sound):
    CAPTION = "Error"


class Nameless(Sound):
    @staticmethod
    def draw(material):
        figures = Sound.draw(material)
        for figure in figures.values():
            figure.axes[0].set(xlabel="")
        return figures
