// Warnings as they come, with their reasons.
import { html } from "../core/html.js";
import { usePages, WARNED } from "../core/answers.js";
import { moment } from "../core/format.js";
import { alertReason } from "../core/reasons.js";
import { at, place, withQuery } from "../core/router.js";
import { t, word } from "../core/words.js";
import { Badge, Card, Choice, Head } from "../parts/basics.js";
import { Pages } from "../parts/table.js";

const KINDS = [
  "usage_fall", "forwarding_off_net", "port_out_inquiry", "multi_sim", "complaint_overdue", "contract_ending", "rfm_migration", "group_churn",
  "peer_churn", "silent", "arrears", "fraud",
];

export const columnsOfWarnings = () => [
  [t("field.customer"), (row) => html`<a class="id" href=${at("/customers", row.customer_id)}>${row.customer_id}</a>`, "tight"],
  [t("field.severity"), (row) => html`<${Badge} group="severity" code=${row.severity} />`, "tight"],
  [t("field.warning"), (row) => html`<strong>${word("kind", row.kind)}</strong><div class="soft">${alertReason(row)}${row.stale_feeds?.length ? html` <span class="badge warn" title=${row.stale_feeds.join(", ")}>${t("warnings.stale")}</span>` : ""}</div>`, "wrap"],
  [t("field.raised_at"), (row) => moment(row.raised_at), "tight"],
];

export function Warnings() {
  const { kind, severity } = place.value.query;
  const pages = usePages("/v1/alerts", { kind, severity }, (row) => row.alert_id, { live: WARNED });
  const options = (group, codes) => [["", t("filter.all")], ...codes.map((code) => [code, word(group, code)])];
  return html`<${Head} title=${t("view.warnings")} about=${t("warnings.about")} />
    <div class="filters">
      <${Choice} label=${t("field.kind")} value=${kind ?? ""} options=${options("kind", KINDS)} onChange=${(chosen) => withQuery({ kind: chosen })} />
      <${Choice} label=${t("field.severity")} value=${severity ?? ""} options=${options("severity", ["warning", "urgent"])} onChange=${(chosen) => withQuery({ severity: chosen })} />
    </div>
    <${Card} bare wide=""><${Pages} of=${pages} caption=${t("view.warnings")} columns=${columnsOfWarnings()} rowClass=${(row) => (pages.fresh.has(row.alert_id) ? "fresh" : "")} empty=${t("warnings.none")} /><//>`;
}
