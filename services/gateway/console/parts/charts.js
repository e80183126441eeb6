// Pictures of answers. Each says in its label or in a table beside it what it shows.
import { html } from "../core/html.js";
import { money, points, shortDay } from "../core/format.js";

/** `rows`: [name, size, text, tone]. Sizes against the largest. */
export function Bars({ rows }) {
  const largest = Math.max(...rows.map(([, size]) => Math.abs(size)), 1e-9);
  return html`<div class="bars">${rows.map(([name, size, text, tone = ""]) => html`<span>${name}</span>
    <div class="track"><div class=${`fill ${tone}`} style=${{ width: `${(100 * Math.abs(size)) / largest}%` }}></div></div><span class="num">${text}</span>`)}</div>`;
}

const [HIGH, LEFT, BELOW] = [190, 58, 22];
const PHONE_WIDE = 340;
const shown = (wide) => (matchMedia("(max-width: 640px)").matches ? Math.min(wide, PHONE_WIDE) : wide);

/** Money by day: `days` is [[iso, minor], ...], the oldest first. `wide` in pixels, about as it will be shown: the text keeps its size. */
export function Trend({ days, label, wide: wished = 720 }) {
  const wide = shown(wished);
  const top = Math.max(...days.map(([, minor]) => minor), 1);
  const x = (index) => LEFT + (days.length > 1 ? (index * (wide - LEFT - 12)) / (days.length - 1) : 0);
  const y = (minor) => 8 + (1 - minor / top) * (HIGH - BELOW - 8);
  const line = days.map(([, minor], index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${y(minor).toFixed(1)}`).join("");
  const every = Math.ceil(days.length / (wide / 90));
  return html`<svg class="chart" viewBox=${`0 0 ${wide} ${HIGH}`} role="img" aria-label=${label}>
    ${[0, 0.5, 1].map((part) => html`<line class="axis" x1=${LEFT} x2=${wide - 12} y1=${y(part * top)} y2=${y(part * top)} />
      <text x=${LEFT - 8} y=${y(part * top) + 4} text-anchor="end">${money(part * top, { compact: true })}</text>`)}
    <path class="area" d=${`${line}L${x(days.length - 1)} ${y(0)}L${LEFT} ${y(0)}Z`} /><path class="line" d=${line} />
    ${days.map(([iso, minor], index) => html`<circle class="dot" cx=${x(index)} cy=${y(minor)} r=${days.length > 40 ? 0 : 3}><title>${`${shortDay(iso)} ${money(minor)}`}</title></circle>`)}
    ${days.map(([iso], index) => index % every === 0 && html`<text x=${x(index)} y=${HIGH - 4} text-anchor="middle">${shortDay(iso)}</text>`)}
  </svg>`;
}

/** Differences with their intervals, one below the other around zero: `rows` is [name, lift, at_end, any_time]. */
export function Forest({ rows, label }) {
  const reach = Math.max(0.01, ...rows.flatMap(([, , end, any]) => [end, any].flatMap((one) => (one ? [Math.abs(one.low), Math.abs(one.high)] : [])))) * 1.08;
  const [wide, row] = [shown(720), 34];
  const [left, right] = [wide * 0.18 + 2, wide * 0.125];
  const x = (lift) => left + ((lift + reach) / (2 * reach)) * (wide - left - right);
  const high = rows.length * row + 26;
  return html`<svg class="chart" viewBox=${`0 0 ${wide} ${high}`} role="img" aria-label=${label}>
    <line class="zero" x1=${x(0)} x2=${x(0)} y1="2" y2=${high - 20} />
    ${[-reach / 1.08, 0, reach / 1.08].map((one) => html`<text x=${x(one)} y=${high - 4} text-anchor="middle">${points(one)}</text>`)}
    ${rows.map(([name, lift, end, any], index) => {
      const y = index * row + 18;
      const tone = any && any.low > 0 ? "good" : any && any.high < 0 ? "bad" : "";
      return html`<text x="0" y=${y + 4}>${name}</text>
        ${any && html`<line class=${`whisker wide ${tone}`} x1=${x(any.low)} x2=${x(any.high)} y1=${y} y2=${y} />`}
        ${end && html`<line class=${`whisker ${tone}`} x1=${x(end.low)} x2=${x(end.high)} y1=${y} y2=${y} />`}
        ${lift !== null && html`<circle class=${`dot ${tone}`} cx=${x(lift)} cy=${y} r="5" /><text x=${wide} y=${y + 4} text-anchor="end">${points(lift)}</text>`}`;
    })}
  </svg>`;
}

/** How strongly a cell of `most` is filled. At half, which is the strongest, text is still readable on it. */
export function heat(value, most) {
  return { "--heat": `${most ? Math.round((50 * value) / most) : 0}%` };
}
