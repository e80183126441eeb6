import { render } from "preact";
import { useEffect } from "preact/hooks";
import { html } from "./core/html.js";
import "./core/currency.js";
import "./core/keys.js";
import { go, match, place } from "./core/router.js";
import { ready, t } from "./core/words.js";
import { useAnswer } from "./core/answers.js";
import { Answered, Empty } from "./parts/basics.js";
import { Dialogs, Side, Top } from "./parts/frame.js";
import { Campaign } from "./views/campaign.js";
import { Campaigns } from "./views/campaigns.js";
import { Customer } from "./views/customer.js";
import { Customers } from "./views/customers.js";
import { DeadLetter, DeadLetters } from "./views/dead_letters.js";
import { Decision } from "./views/decision.js";
import { Feeds, Health, Parked, Reconciliation } from "./views/operations.js";
import { Overview } from "./views/overview.js";
import { Risk } from "./views/risk.js";
import { Segments } from "./views/segments.js";
import { Migration } from "./views/segments_migration.js";
import { PyramidView } from "./views/segments_pyramid.js";
import { Task } from "./views/task.js";
import { Tasks } from "./views/tasks.js";
import { Warnings } from "./views/warnings.js";

const VIEWS = [
  ["/", Overview], ["/warnings", Warnings], ["/customers", Customers], ["/customers/:id", Customer], ["/find/:msisdn", Find], ["/decisions/:id", Decision],
  ["/segments", Segments], ["/segments/migration", Migration], ["/segments/pyramid", PyramidView], ["/risk", Risk], ["/campaigns", Campaigns], ["/campaigns/:id", Campaign],
  ["/tasks", Tasks], ["/tasks/:id", Task], ["/operations", Health], ["/operations/feeds", Feeds], ["/operations/reconciliation", Reconciliation],
  ["/operations/parked", Parked], ["/operations/dead", DeadLetters], ["/operations/dead/:service", DeadLetters], ["/operations/dead/:service/:id", DeadLetter],
];

/** The view of whoever has a number now. */
function Find({ msisdn }) {
  const found = useAnswer("/v1/customers", { msisdn, fields: "segment" });
  const id = found.data?.customer_id;
  useEffect(() => { if (id) go(`/customers/${encodeURIComponent(id)}`, { replace: true }); }, [id]);
  return html`<${Answered} of=${found}>${() => ""}<//>`;
}

function View() {
  const { path } = place.value;
  for (const [pattern, One] of VIEWS) {
    const found = match(pattern, path);
    if (found) return html`<${One} key=${path} ...${found} />`;
  }
  return html`<${Empty} text=${t("frame.nowhere")} />`;
}

function App() {
  if (!ready.value) return null;
  const toMain = () => document.getElementById("main").focus();
  return html`<button class="skip" onClick=${toMain}>${t("frame.skip")}</button><${Side} /><div><${Top} /><main id="main" tabindex="-1"><${View} /></main></div><${Dialogs} />`;
}

render(html`<${App} />`, document.getElementById("app"));
