"""Which earlier rule covers a later one: found by an index, as asking every rule would find it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from netui.audit.doctor.shadowing import Earlier, covers
from netui.model import Rule

_RULES = st.lists(
    st.tuples(
        st.sampled_from(["", " -s 10.0.0.1/32", " ! -s 10.0.0.1/32", " -s 10.0.0.0/24", " -s 10.0.0.0/8"]),
        st.sampled_from(["", " -d 10.0.0.1/32", " -d 10.0.0.0/255.0.0.255", " -d host.example"]),
        st.sampled_from(["", " -i eth0", " ! -i eth0", " -i eth+", " -i br+"]),
        st.sampled_from(
            [
                "",
                " -p udp",
                " -p tcp",
                *(
                    f" -p tcp -m tcp{port}"
                    for port in (" --dport 80", " --dport 80:90", " --dport 080", " ! --dport 80")
                ),
                *(f" -p tcp -m multiport --dports {ports}" for ports in ("80", "80,80", "80:80", "80,443", "79:85")),
            ]
        ),
        st.sampled_from(["", " -m conntrack --ctstate NEW", " -m conntrack --ctstate NEW,ESTABLISHED", " -m limit"]),
    ).map(lambda parts: "-A DOCKER-USER" + "".join(parts) + " -j DROP"),
    min_size=2,
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(_RULES)
def test_the_index_finds_the_rule_that_asking_each_finds(texts: list[str]) -> None:
    """For any rules the first that covers another is the same with the index and without."""
    earlier = Earlier("ip")
    before: list[Rule] = []
    for number, text in enumerate(texts, 1):
        rule = Rule(number, text, -1)
        assert earlier.covering(rule) == next((e for e in before if covers(e, rule, "ip")), None)
        earlier.add(rule)
        before.append(rule)
