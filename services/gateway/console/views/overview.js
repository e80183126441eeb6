// The day at a glance: what is new, what it may cost, what is being done, and whether the system is well.
import { html } from "../core/html.js";
import { useAnswer, WARNED, WORKED } from "../core/answers.js";
import { money, number, percent, shortDay } from "../core/format.js";
import { at } from "../core/router.js";
import { t, word } from "../core/words.js";
import { Answered, Badge, Card, Figure, Head } from "../parts/basics.js";
import { Trend } from "../parts/charts.js";
import { Table } from "../parts/table.js";
import { columnsOfWarnings } from "./warnings.js";
import { Pyramid } from "./segments_pyramid.js";

const SHOWN = 8;
const SCANNED = 200;

export function Overview() {
  const alerts = useAnswer("/v1/alerts", { limit: SCANNED }, { live: WARNED });
  const risk = useAnswer("/v1/analysis/revenue-at-risk");
  const tiers = useAnswer("/v1/tiers");
  const tasks = useAnswer("/v1/tasks", { limit: SCANNED }, { live: WORKED });
  const ready = useAnswer("/health/ready", {}, { live: true });
  return html`<${Head} title=${t("view.overview")} about=${t("overview.about")} />
    <div class="grid">
      <${Today} alerts=${alerts.data} />
      <${AtRisk} risk=${risk.data} />
      <${Open} tasks=${tasks.data} />
      <${Well} ready=${ready.data} problem=${ready.problem} />
      <${Card} title=${t("overview.newest")} wide="w8" bare aside=${html`<a href=${at("/warnings")}>${t("overview.all")}</a>`}>
        <${Answered} of=${alerts}>${(data) => html`<${Table} caption=${t("overview.newest")} columns=${columnsOfWarnings()} rows=${data.items.slice(0, SHOWN)} empty=${t("warnings.none")} />`}<//>
      <//>
      <div class="w4 grid">
        <${Card} title=${t("risk.title")} aside=${html`<a href=${at("/risk")}>${t("overview.more")}</a>`}>
          <${Answered} of=${risk}>${(data) => (data.rows.length ? html`<${Trend} wide=${360} label=${t("risk.title")} days=${data.rows.map((row) => [row.day, row.revenue_at_risk_minor])} />` : t("state.empty"))}<//>
        <//>
        <${Card} title=${t("segments.pyramid")} aside=${html`<a href=${at("/segments/pyramid")}>${t("overview.more")}</a>`}>
          <${Answered} of=${tiers}>${(data) => html`<${Pyramid} tiers=${data.tiers} small />`}<//>
        <//>
      </div>
    </div>`;
}

/** The day of the newest warning: a replayed or simulated operator has another today than the browser. */
function Today({ alerts }) {
  const items = alerts?.items ?? [];
  const today = items[0]?.raised_at.slice(0, 10);
  const ofToday = items.filter((one) => one.raised_at.startsWith(today));
  const count = number(ofToday.length) + (ofToday.length === SCANNED ? "+" : "");
  const urgent = ofToday.filter((one) => one.severity === "urgent").length;
  return html`<${Figure} label=${t("overview.warnings_today")} value=${alerts ? count : "…"} about=${today ? t("overview.urgent_on", { count: number(urgent), day: shortDay(today) }) : t("warnings.none")} href=${at("/warnings")} />`;
}

function AtRisk({ risk }) {
  const last = risk?.rows.at(-1);
  const about = last ? t("overview.share_of_value", { share: percent(last.share, 1) }) : "";
  return html`<${Figure} label=${t("risk.title")} value=${risk ? money(last?.revenue_at_risk_minor, { compact: true }) : "…"} about=${about} href=${at("/risk")} />`;
}

function Open({ tasks }) {
  const count = tasks ? number(tasks.items.length) + (tasks.next_cursor ? "+" : "") : "…";
  const first = tasks?.items[0];
  return html`<${Figure} label=${t("overview.open_tasks")} value=${count} about=${first ? word("channel", first.channel) + " · " + first.customer_id : t("tasks.none")} href=${at("/tasks")} />`;
}

function Well({ ready, problem }) {
  const services = Object.entries(ready?.services ?? {});
  const ill = services.filter(([, state]) => state !== "up");
  const code = problem ? problem.code : (ready?.status ?? "");
  const about = ill.length ? ill.map(([name, state]) => `${name}: ${word("state", state)}`).join(", ") : t("overview.all_up", { count: services.length });
  return html`<${Figure} label=${t("overview.system")} value=${code ? html`<${Badge} group="state" code=${ill.length ? "failing" : code} />` : "…"} about=${problem ? problem.detail : about} href=${at("/operations")} />`;
}
