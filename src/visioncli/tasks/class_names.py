"""Names of classes as users type them."""

from visioncli.errors import UsageError
from visioncli.names import did_you_mean


def parse_classes(text: str, labels: dict[int, str]) -> frozenset[int]:
    """`person,dog` or `1,18` as category ids. Raises UsageError that lists near matches of an unknown name."""
    by_name = {name.casefold(): i for i, name in labels.items()}
    wanted = set()
    for part in (p.strip() for p in text.split(",")):
        if part.casefold() in by_name:
            wanted.add(by_name[part.casefold()])
        elif part.isdecimal() and int(part) in labels:
            wanted.add(int(part))
        elif part:
            near = did_you_mean(part, labels.values())
            raise UsageError(f"The model knows no class {part!r}.{near} It knows {len(labels)} classes.")
    if not wanted:
        raise UsageError("--classes is empty: give names or ids, such as person,dog.")
    return frozenset(wanted)


def parse_wanted(text: str, labels: dict[int, str]) -> tuple[int, list[int]]:
    """`top-3`, `tabby`, `281`, or several with commas -> (how many of the best, chosen ids). Raises UsageError."""
    top, names = 0, []
    for part in (p.strip() for p in text.split(",")):
        number = part.removeprefix("top-").removeprefix("top")
        if part.startswith("top") and number.isdecimal() and int(number) > 0:
            top = max(top, int(number))
        elif part:
            names.append(part)
    if not top and not names:
        raise UsageError(f"--class takes names, ids or top-N, not {text!r}.")
    chosen: list[int] = []
    if names:
        # Labels may hold commas; each part was tried as a class on its own.
        for name in names:
            try:
                chosen += sorted(parse_classes(name, labels))
            except UsageError:
                near = did_you_mean(name, labels.values())
                raise UsageError(f"The model knows no class {name!r}.{near} Give a name, an id, or top-N.") from None
    return top, chosen
