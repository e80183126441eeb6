// Why, in the chosen language: from the codes and numbers that the API gives. What has none here is told in the API's words.
import { amount, money, number, percent, points } from "./format.js";
import { said } from "./said.js";
import { has, t, word } from "./words.js";

const share = (hundred) => percent(hundred / 100);
const group = (id) => id && `${word("group", id.split(":")[0])} ${id.split(":").slice(1).join(":")}`;

/** By kind, of its evidence: the key of the sentence and what it names. */
const ALERTS = {
  usage_fall: (e) => ["usage_fall", { percent: percent(1 - e.seconds_per_day / e.baseline_seconds_per_day) }],
  forwarding_off_net: (e) => ["forwarding_off_net", { networks: e.networks?.join(", ") }],
  port_out_inquiry: (e) => (e.operator ? ["port_out_to", { operator: e.operator }] : ["port_out_inquiry", { operator: e.operator }]),
  multi_sim: (e) => ["multi_sim", { now: share(e.incoming_percent), before: share(e.baseline_incoming_percent) }],
  complaint_overdue: (e) => ["complaint_overdue", { severity: word("grade", e.severity), stage: word("case", e.stage) }],
  contract_ending: (e) => [e.days_left ? "contract_ending" : "contract_ends_today", { subscription: e.subscription_id, days: e.days_left }],
  rfm_migration: (e) => ["rfm_migration", { from: word("segment", e.from), to: word("segment", e.to) }],
  group_churn: (e) => ["group_churn", { share: share(e.share_percent), members: e.members, group: group(e.group) }],
  peer_churn: (e) => ["peer_churn", { group: group(e.group) }],
  silent: (e) => ["silent", { days: e.silent_days }],
  arrears: (e) => ["arrears", { money: money(e.owed_minor), days: e.overdue_days }],
  fraud: (e) => ["fraud", { now: number(e.minutes_per_day), before: number(e.usual_minutes_per_day) }],
};

/** Of a warning. An old one may lack what is named now: then its own words tell. */
export function alertReason({ kind, evidence, reason }) {
  const [key, values] = ALERTS[kind]?.(evidence ?? {}) ?? ["", { none: undefined }];
  return Object.values(values).includes(undefined) ? said(reason) : t(`alert.${key}`, values);
}

const DAYS = new Set(["tenure_days", "days_to_contract_end", "silent_days", "recency_days", "overdue_days", "open_complaint_days"]);
const SHOWN = [
  [/_percent$/, (value) => share(value)],
  [/_rise$/, (value) => points(value)],
  [/_share/, (value) => percent(value)],
  [/_minor_/, (value) => money(value)],
  [/_seconds_/, (value) => amount(value / 60, "minute")],
  [/_kb_/, (value) => amount(value / 1024, "megabyte")],
  [/./, (value) => number(value, 1)],
];
/** Their baseline is in the words already: what they were before. */
const AGAINST = /_percent$|_rise$|_rhythm$|_changes_3m$/;

/** Of a cause of a churn score, by the feature that weighs most in it. */
export function churnReason({ cause, feature, value, baseline, text, evidence = {} }) {
  if (!feature && has(`kind.${cause}`) && evidence.customers !== undefined) return t("because.warning", { kind: word("kind", cause), customers: number(evidence.customers), left: number(evidence.left) });
  if (has(`because.${feature}.yes`) && typeof value === "number") return t(`because.${feature}.${value ? "yes" : "no"}`);
  if (!has(`because.${feature}`)) return said(text);
  const what = t(`because.${feature}`);
  if (typeof value !== "number") return t("because.unknown", { what });
  if (feature === "days_to_contract_end" && value < 0) return t("because.contract_ended", { value: span(-value) });
  const shown = DAYS.has(feature) ? span : SHOWN.find(([name]) => name.test(feature))[1];
  const known = typeof baseline === "number" && !AGAINST.test(feature) && shown(baseline) !== shown(value);
  return t(known ? "because.told_against" : "because.told", { what, value: shown(value), baseline: known ? shown(baseline) : "" });
}

/** What can be done about a cause. */
export function remedyOf({ cause, remedy, evidence = {} }) {
  const open = (evidence.complaints ?? []).filter((one) => !one.resolved).map((one) => one.complaint_id);
  const values = { money: evidence.owed_minor ? money(evidence.owed_minor) : "", ids: open.join(", ") };
  const lacks = (cause === "arrears" && !values.money) || (cause === "complaints" && !values.ids);
  return !has(`remedy.${cause}`) || lacks ? said(remedy) : t(`remedy.${cause}`, values);
}

const [MONTH_DAYS, YEAR_DAYS] = [30, 365];

function span(days) {
  if (days < 4 * MONTH_DAYS) return amount(days, "day");
  return days < 2 * YEAR_DAYS ? amount(Math.round(days / MONTH_DAYS), "month") : amount(days / YEAR_DAYS, "year");
}
