from imcore.clock import utc_now
from imcore.message import Message, MessageType
from imcore.prompt import PromptBudget, PromptMessage, Role, approximate_tokens


def line(text: str, seq: int, msg_type: MessageType = MessageType.TEXT) -> Message:
    return Message(f"m{seq}", "alice", "alice", msg_type, text, utc_now(), utc_now(), seq)


def talk(turns: int) -> list[Message]:
    lines = []
    for turn in range(turns):
        lines += [line(f"q{turn}", 2 * turn), line(f"a{turn}", 2 * turn + 1, MessageType.AI_REPLY)]
    return [*lines, line("now", 2 * turns)]


def test_a_prompt_is_the_system_prompt_then_the_conversation_in_order():
    assert PromptBudget("be brief").build(talk(1)) == [
        PromptMessage(Role.SYSTEM, "be brief"),
        PromptMessage(Role.USER, "q0"),
        PromptMessage(Role.ASSISTANT, "a0"),
        PromptMessage(Role.USER, "now"),
    ]


def test_without_a_system_prompt_there_is_none():
    assert PromptBudget().build(talk(0)) == [PromptMessage(Role.USER, "now")]


def test_the_newest_messages_win():
    prompt = PromptBudget(history_messages=3).build(talk(5))
    assert [each.content for each in prompt] == ["q4", "a4", "now"]


def test_the_history_never_begins_with_a_reply_whose_question_was_left_out():
    assert [each.content for each in PromptBudget(history_messages=4).build(talk(5))] == ["q4", "a4", "now"]


def test_the_tokens_are_bounded_but_the_last_message_is_always_whole():
    long = line("x" * 40_000, 9)
    assert [each.content for each in PromptBudget(history_tokens=100).build([*talk(2), long])] == [long.msg_content]


def test_tokens_of_other_scripts_count_more_than_ascii():
    assert approximate_tokens("漢" * 100) > 2 * approximate_tokens("x" * 100)


def test_all_messages_to_be_answered_are_in_the_prompt_however_small_the_budget():
    window = [*talk(2), line("and", 5), line("so", 9)]
    prompt = PromptBudget(history_messages=1, history_tokens=1).build(window, first_seq=4)
    assert [message.content for message in prompt] == ["now", "and", "so"]


def test_the_budget_left_by_several_messages_goes_to_the_newest_history():
    window = [*talk(2), line("and", 5)]
    prompt = PromptBudget(history_messages=4).build(window, first_seq=4)
    assert [message.content for message in prompt] == ["q1", "a1", "now", "and"]
