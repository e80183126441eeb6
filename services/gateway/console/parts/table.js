import { html } from "../core/html.js";
import { t } from "../core/words.js";
import { Empty, Loading, Trouble } from "./basics.js";

/** `columns`: [heading, cell of a row, class]. The first column names the row. */
export function Table({ caption, columns, rows, rowClass, empty }) {
  if (!rows.length) return html`<${Empty} text=${empty} />`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${caption}><table class="rows"><caption>${caption}</caption>
    <thead><tr>${columns.map(([head, , kind]) => html`<th scope="col" class=${kind}>${head}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr class=${rowClass?.(row)}>${columns.map(([head, cell, kind]) => html`<td class=${kind} data-head=${head}>${cell(row)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

/** A list read page by page (`usePages`). */
export function Pages({ of: pages, ...table }) {
  return html`<${Trouble} problem=${pages.problem} retry=${pages.reload} />
    ${pages.items ? html`<${Table} rows=${pages.items} ...${table} />` : !pages.problem && html`<${Loading} />`}
    ${pages.more && html`<div class="more"><button onClick=${pages.more}>${t("act.more")}</button></div>`}`;
}
