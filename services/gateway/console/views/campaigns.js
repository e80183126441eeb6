// All campaigns, and what each is.
import { html } from "../core/html.js";
import { useAnswer } from "../core/answers.js";
import { money, number, percent } from "../core/format.js";
import { at } from "../core/router.js";
import { t, word } from "../core/words.js";
import { Answered, Badge, Card, Head } from "../parts/basics.js";
import { Table } from "../parts/table.js";

export function Campaigns() {
  const campaigns = useAnswer("/v1/campaigns", {}, { live: true });
  const columns = [
    [t("field.campaign"), (row) => html`<a href=${at("/campaigns", row.campaign_id)}>${row.name}</a> <span class="soft id">${row.campaign_id}</span>`, "wrap"],
    [t("field.state"), (row) => html`<${Badge} group="state" code=${row.state} />`, "tight"],
    [t("field.channel"), (row) => word("channel", row.channel), "tight"],
    [t("field.occasion"), (row) => Object.keys(row.offers).map((kind) => word("kind", kind)).join(", ") || (row.schedule ? t("campaigns.scheduled") : "–"), "wrap"],
    [t("field.hold_out"), (row) => percent(row.hold_out_share), "num"],
    [t("field.capacity"), (row) => number(row.capacity), "num"],
    [t("field.budget"), (row) => (row.budget_minor === null ? t("campaigns.no_limit") : money(row.budget_minor)), "num"],
  ];
  return html`<${Head} title=${t("view.campaigns")} about=${t("campaigns.about")} />
    <${Card} bare wide=""><${Answered} of=${campaigns}>${({ items }) => html`<${Table} caption=${t("view.campaigns")} columns=${columns} rows=${items} />`}<//><//>`;
}
