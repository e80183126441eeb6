"""A decision in plain words, for the customer it is about (PIPL article 24): why, by which kinds of data, and how to refuse.

Nothing of the inside is told: no probability, no value, no profit, no budget. Which of these counted is told as a kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

Language = Literal["en", "zh"]
OTHER = "other"


class Facts(NamedTuple):
    verdict: str
    failed_gate: str | None
    alert_kind: str
    channel: str
    decided_at: datetime
    offer_name: str | None
    by_profile: bool
    """Offers were weighed by what is estimated of the person."""


class Explanation(NamedTuple):
    why: str
    data: str
    refuse: str


_KINDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "usage_fall": "you use your line much less than before",
        "forwarding_off_net": "your calls are forwarded to another operator",
        "port_out_inquiry": "you asked about taking your number to another operator",
        "multi_sim": "your line is used mostly to be called",
        "complaint_overdue": "a complaint of yours is overdue",
        "contract_ending": "your contract ends soon",
        "rfm_migration": "you use and pay less often than before",
        "group_churn": "others in your company's group have left or fallen silent",
        "peer_churn": "somebody in your household or group has left",
        "silent": "your line has fallen silent",
        "arrears": "bills of yours are open",
        "fraud": "your line was used in an unusual way",
        "inbound": "you called us",
        "credit_approved": "a credit to you was approved",
        "schedule": "you belong to those whom one of our programmes is for, by what we know of your lines, your bills and your time with us",
        "contract_renewal": "your contract ends soon",
        "win_back": "you left us",
        "acquisition": "you became a customer of ours",
        "club_rose": "you reached a higher level of our loyalty club",
        "club_fell": "your level in our loyalty club became a lower one",
        OTHER: "something changed in how you use our service",
    },
    "zh": {
        "usage_fall": "您的使用量比以前明显减少",
        "forwarding_off_net": "您的来电转移到了其他运营商的号码",
        "port_out_inquiry": "您咨询过携号转网",
        "multi_sim": "您的号码主要用于接听",
        "complaint_overdue": "您的一项投诉已超过处理时限",
        "contract_ending": "您的合约即将到期",
        "rfm_migration": "您的使用和缴费次数比以前减少",
        "group_churn": "您所在集团虚拟网中有成员离网或停止使用",
        "peer_churn": "您的家庭或集团成员中有人离网",
        "silent": "您的号码近期没有使用",
        "arrears": "您有未缴的账单",
        "fraud": "您的号码出现异常使用",
        "inbound": "您致电了我们",
        "credit_approved": "一笔给您的补偿已获批准",
        "schedule": "根据我们对您的号码、账单和在网时间的了解,您属于我们一项客户计划的对象",
        "contract_renewal": "您的合约即将到期",
        "win_back": "您已离网",
        "acquisition": "您成为了我们的客户",
        "club_rose": "您在我们的会员俱乐部中升级了",
        "club_fell": "您在我们的会员俱乐部中的等级降低了",
        OTHER: "您的使用情况发生了变化",
    },
}
_CHANNELS: Mapping[Language, Mapping[str, str]] = {
    "en": {"call": "a phone call", "sms": "a text message", "email": "e-mail", "push": "a message in the app"},
    "zh": {"call": "电话", "sms": "短信", "email": "电子邮件", "push": "应用内消息"},
}
_AGAINST: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "do_not_contact": "you asked not to be contacted",
        "consent": "you have not agreed to be contacted in this way",
        "objection": "you objected",
        "service_trouble": "something is wrong with our service to you or was put right only lately, or another matter between you and us is open",
        "live_subscription": "you have no line in use with us",
        "frequency_cap": "you were contacted not long ago",
        "not_again": "you were addressed not long ago",
        "reachable": "we could not reach you in this way before",
        "chosen": "others were chosen for it",
        "offer": "there was nothing that suits you",
        OTHER: "our rules for contacting customers did not allow it",
    },
    "zh": {
        "do_not_contact": "您要求不被联系",
        "consent": "您没有同意以这种方式联系",
        "objection": "您提出了拒绝",
        "service_trouble": "我们为您提供的服务有问题尚未解决或刚刚恢复,或者您与我们之间另有事项尚未了结",
        "live_subscription": "您没有在用的号码",
        "frequency_cap": "不久前已经联系过您",
        "not_again": "不久前已经联系过您",
        "reachable": "此前以这种方式未能联系到您",
        "chosen": "本次选择了其他客户",
        "offer": "没有适合您的优惠",
        OTHER: "我们的客户联系规则不允许",
    },
}


def explain(facts: Facts, language: Language) -> Explanation:
    return _english(facts) if language == "en" else _chinese(facts)


def _english(facts: Facts) -> Explanation:
    day, kind = f"{facts.decided_at:%d %B %Y}", _of(_KINDS["en"], facts.alert_kind)
    how = _of(_CHANNELS["en"], facts.channel)
    if facts.verdict == "contact":
        offer = f" We offered you: {facts.offer_name}." if facts.offer_name else ""
        why = f"On {day} it was decided to contact you by {how}, because {kind}.{offer}"
    elif facts.verdict == "held_out":
        why = f"On {day} we could have contacted you, because {kind}. You were drawn by lot into a small group that is not contacted, so that we learn whether such contacts help. The lot looks at nothing about you."  # noqa: E501
    else:
        why = f"On {day} we saw that {kind}. You were not contacted, because {_of(_AGAINST['en'], facts.failed_gate)}."
    chosen = (
        "The offer was chosen automatically, by an estimate made from your usage, your bills and your contacts with us."
        if facts.by_profile
        else "No estimate about you was used to choose the offer: it was the first of a list that is the same for everybody whom it fits."
    )
    data = f"A computer decided. It looked at: that {kind}; your lines and how you pay; what you agreed to and asked of us; complaints and other trouble with our service; earlier contacts; your time zone. {chosen}"  # noqa: E501
    refuse = "You can object to automated decisions: then none leads to a contact. You can object to personalised marketing: then an offer is not chosen by estimates about you. Both hold at once. You can also ask that a person reviews this decision."  # noqa: E501
    return Explanation(why, data, refuse)


def _chinese(facts: Facts) -> Explanation:
    day, kind = f"{facts.decided_at:%Y年%m月%d日}", _of(_KINDS["zh"], facts.alert_kind)
    how = _of(_CHANNELS["zh"], facts.channel)
    if facts.verdict == "contact":
        offer = f"我们向您提供的优惠是:{facts.offer_name}。" if facts.offer_name else ""
        why = f"{day},因为{kind},系统决定通过{how}联系您。{offer}"
    elif facts.verdict == "held_out":
        why = f"{day},因为{kind},我们本可以联系您。您被随机抽入一个不联系的小组,用来检验联系是否有帮助。抽取不依据您的任何个人特征。"
    else:
        why = f"{day},系统发现{kind}。没有联系您,因为{_of(_AGAINST['zh'], facts.failed_gate)}。"
    chosen = (
        "优惠是系统根据对您的使用、账单和与我们的联系所作的估计自动选择的。"
        if facts.by_profile
        else "选择优惠时没有使用对您个人的估计:它是对所有适用客户都相同的清单中的第一项。"
    )
    data = f"这是由计算机作出的决定。所用的信息种类:{kind};您的号码和付费方式;您的同意和要求;投诉及其他服务问题;以往的联系;您所在的时区。{chosen}"
    refuse = (
        "您可以拒绝自动化决策:此后系统不会据此联系您。您可以拒绝个性化营销:此后优惠不再根据对您个人的估计选择。两者均立即生效。您也可以要求由人工复核这一决定。"
    )
    return Explanation(why, data, refuse)


def _of(words: Mapping[str, str], name: str | None) -> str:
    return words.get(name or OTHER) or words.get(OTHER, name or OTHER)
