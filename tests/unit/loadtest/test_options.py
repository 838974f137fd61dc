"""What the commands take, and what they say of anything else."""

from argparse import ArgumentTypeError

import pytest

from loadtest import __main__ as loadtest
from loadtest import capacity, compare
from loadtest.command import ended
from loadtest.profiles import profile
from loadtest.running import kinds
from loadtest.running.load import Load, Model

WRONG = [
    (loadtest, ["nonsense"], "two-workers"),
    (capacity, ["nonsense"], "two-workers"),
    (compare, ["embedded", "nonsense"], "two-workers"),
    (compare, ["embedded"], "two-workers"),
    (loadtest, ["embedded", "--scenario", "nonsense"], "double-texting"),
    (loadtest, ["embedded", "--users", "0"], "at least 1"),
    (loadtest, ["embedded", "--think", "nonsense"], "exponential:MEAN"),
    (loadtest, ["embedded", "--faults", "nonsense"], "429:RATE"),
    (loadtest, ["embedded", "--set", "nonsense"], "NAME=VALUE"),
    (capacity, ["embedded", "--resume", "nonsense"], "no folder nonsense"),
]


@pytest.mark.parametrize(("command", "arguments", "there_is"), WRONG)
def test_a_wrong_option_is_told_in_a_line_that_says_what_there_is(command, arguments, there_is, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["command", *arguments])
    with pytest.raises(SystemExit) as exit_:
        command.main()
    said = capsys.readouterr().err
    assert exit_.value.code == 2
    assert there_is in said
    assert said.count("\n") == 1


def test_without_options_all_is_as_the_classes_have_it():
    asked = loadtest.parser().parse_args(["embedded"])
    assert (asked.profile, Load.of(asked), Model.of(asked)) == (profile("embedded"), Load(), Model())


def test_a_profile_may_have_defaults_of_its_own():
    asked = loadtest.parser(profile("broken-dropped-event")).parse_args(["broken-dropped-event", "--tokens", "fixed:3"])
    assert (Load.of(asked).users, Model.of(asked).tokens, Model.of(asked).tokens_per_s) == (40, "fixed:3", "fixed:100")


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "ten"])
def test_a_number_above_0_is_one(text: str):
    with pytest.raises(ArgumentTypeError):
        kinds.above_0(text)


def test_ctrl_c_ends_a_command_with_a_line_and_130(capsys):
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as exit_:
        ended(interrupted)
    assert exit_.value.code == 130
    assert capsys.readouterr().err.strip() == "stopped by Ctrl-C; users and servers are gone"
