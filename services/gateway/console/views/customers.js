// Whom to look at: by search at the top of every page, or the likeliest to leave.
import { html } from "../core/html.js";
import { usePages } from "../core/answers.js";
import { day, percent } from "../core/format.js";
import { at } from "../core/router.js";
import { said } from "../core/said.js";
import { t, word } from "../core/words.js";
import { Card, Head } from "../parts/basics.js";
import { Pages } from "../parts/table.js";

export function Customers() {
  const pages = usePages("/v1/churn/scores", {}, (row) => row.customer_id);
  const columns = [
    [t("field.customer"), (row) => html`<a class="id" href=${at("/customers", row.customer_id)}>${row.customer_id}</a>`, "tight"],
    [t("field.leave"), (row) => percent(row.probability, 1), "num"],
    [t("field.brand_downgrade"), (row) => percent(row.probabilities.brand_downgrade, 1), "num"],
    [t("field.arpu_decline"), (row) => percent(row.probabilities.arpu_decline, 1), "num"],
    [t("field.population"), (row) => word("population", row.population), "tight"],
    [t("field.basis"), (row) => html`<span title=${said(row.basis_reason)}>${word("basis", row.basis)}</span>`, "tight"],
    [t("field.as_of"), (row) => day(row.as_of), "tight"],
  ];
  return html`<${Head} title=${t("view.customers")} about=${t("customers.about")} />
    <${Card} title=${t("customers.likeliest")} bare wide=""><${Pages} of=${pages} caption=${t("customers.likeliest")} columns=${columns} /><//>`;
}
