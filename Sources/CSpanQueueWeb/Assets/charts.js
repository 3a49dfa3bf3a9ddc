// Charts, drawn by hand. Geometry is in per cent and in attributes, so a drawing is resized without a script; each has its figures
// as a table behind it.

import { h, row, cell, table } from "./dom.js";
import { clock, number } from "./format.js";

const plotWidth = 600;

/** The least round number that is not below, and can be told in quarters. */
export function roundUp(value) {
  if (value <= 8) return value <= 4 ? 4 : 8;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.6, 2, 4, 6, 8, 12].map((step) => step * power).find((round) => round >= value && round % 4 === 0);
}

/** Labels of an axis, all in the same unit. */
const short = (value, most) => (most >= 10_000 && value > 0 ? `${number(value / 1000)} k` : number(value));

function linePath(points, scaleX, scaleY) {
  return points.map(({ x, y }, index) => `${index ? "L" : "M"}${scaleX(x).toFixed(1)} ${scaleY(y).toFixed(1)}`).join("");
}

/** Points that belong together: where nobody looked for a while, nothing is drawn. */
function runs(points) {
  const list = [];
  for (const point of points) {
    if (list.length > 0 && point.x - list.at(-1).at(-1).x < (point.gap ?? 15_000)) list.at(-1).push(point);
    else list.push([point]);
  }
  return list.filter((run) => run.length > 1);
}

/**
 * A chart over time. `series`: `[{ label, kind, dash, area, points: [{ x, y }], text }]`, where x is a moment in milliseconds; a y of
 * null is not drawn. With `fill` a series is a band that stands on the ones behind it in the list.
 */
export function chart({ title, unit, series, from, to, height = 184, asTable, onTable }) {
  const top = 14;
  const bottom = height - 24;
  const drawn = series.map((one) => ({ ...one, points: one.points.filter(({ y }) => y !== null) }));
  drawn.forEach((one, index) => {
    const below = one.fill ? drawn[index + 1]?.fill && drawn.slice(index + 1) : null;
    one.tops = below ? one.points.map(({ x, y }, place) => ({ x, y: below.reduce((sum, { points }) => sum + points[place].y, y) })) : one.points;
  });
  const most = roundUp(Math.max(0, ...drawn.flatMap(({ tops }) => tops.map(({ y }) => y))));
  const scaleX = (x) => ((x - from) / (to - from)) * plotWidth;
  const scaleY = (y) => bottom - top - (y / most) * (bottom - top);
  const lines = [0, 1, 2, 3, 4].map((index) => ({ value: (most * index) / 4, y: bottom - ((bottom - top) * index) / 4 }));
  const ticks = [0, 1, 2, 3, 4];
  const said = drawn.map(({ label, points }) =>
    points.length === 0 ? `${label}: nothing yet`
      : `${label}: now ${number(Math.round(points.at(-1).y * 10) / 10)}, highest ${number(Math.round(Math.max(...points.map(({ y }) => y)) * 10) / 10)}`);
  return h("section", { class: "chart" },
    h("div", { class: "sh" }, h("h2", {}, title), h("span", { class: "f sm" }, unit),
      h("span", { class: "r sm" }, h("button", { class: "btn bare", "aria-pressed": String(asTable), on: { click: onTable } }, asTable ? "As a chart" : "As a table"))),
    h("ul", { class: "key" }, drawn.map((one) =>
      h("li", {}, h("svg", { width: 22, height: 8, class: one.kind, "aria-hidden": "true" }, one.fill ? h("rect", { class: one.fill, width: 22, height: 8, rx: 2 }) : h("path", { class: "ln", d: "M0 4h22", "stroke-dasharray": one.dash })), one.label, " ", h("b", {}, one.text)))),
    asTable ? figures(title, drawn, from, to) : h("div", { class: "plot" },
      h("svg", { width: 46, height, "aria-hidden": "true" }, lines.map(({ value, y }) => h("text", { x: 38, y: y + 3.5, "text-anchor": "end" }, short(value, most)))),
      h("svg", { width: "100%", height, role: "img", "aria-label": `${title}, ${unit}. ${said.join("; ")}` },
        lines.map(({ y }, index) => h("line", { class: index ? "gl" : "ax", x1: 0, x2: "100%", y1: y, y2: y })),
        h("svg", { x: 0, y: top, width: "100%", height: bottom - top, viewBox: `0 0 ${plotWidth} ${bottom - top}`, preserveAspectRatio: "none" },
          drawn.flatMap(({ kind, dash, area, fill, tops }) => runs(tops).map((run) => {
            const line = linePath(run, scaleX, scaleY);
            const close = `L${scaleX(run.at(-1).x).toFixed(1)} ${bottom - top}L${scaleX(run[0].x).toFixed(1)} ${bottom - top}z`;
            if (fill) return h("path", { class: `band ${fill}`, d: line + close });
            return [
              area && h("path", { class: `ar ${kind}`, d: line + close }),
              h("path", { class: `ln ${kind}`, d: line, "stroke-dasharray": dash }),
            ];
          }))),
        ticks.map((index) => h("text", {
          x: `${index * 25}%`, y: height - 8, class: index % 2 ? "od" : null,
          "text-anchor": index === 0 ? "start" : index === 4 ? "end" : "middle",
        }, index === 4 ? "now" : clock(from + ((to - from) * index) / 4))))),
  );
}

/** The same figures, ten of them. */
function figures(title, series, from, to) {
  const moments = [...Array(10).keys()].map((index) => to - ((to - from) * index) / 10);
  const at = (points, moment) => points.findLast(({ x }) => x <= moment)?.y ?? null;
  return h("div", { class: "sec tight" }, table(title, "t fix", [["At", ""], ...series.map(({ label }) => [label, "n"])], moments.map((moment) =>
    row({}, cell("", "At", clock(moment)), series.map(({ label, points }) => {
      const value = at(points, moment);
      return cell("n", label, value === null ? "–" : number(Math.round(value * 10) / 10));
    })))));
}

/** Ready jobs of a queue as a small line. */
export function readySpark(name, { values, since }, width) {
  return spark(`ready jobs of ${name}, ${since}`, values, { width });
}

/** A small line without axes beside a figure: from zero, with an area below it. */
export function spark(label, values, { width = 96, height = 20, kind = "" } = {}) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return null;
  const most = Math.max(1, ...known);
  const points = values.map((value, index) => ({ x: index, y: value ?? 0 }));
  const line = linePath(points, (x) => (x / (values.length - 1)) * width, (y) => height - 1 - (y / most) * (height - 2));
  return h("svg", { class: `spark ${kind}`.trim(), width, height, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": `${label}, lowest ${number(Math.min(...known))}, highest ${number(Math.max(...known))}` },
    h("path", { class: "ar", d: `${line}L${width} ${height}L0 ${height}z` }), h("path", { class: "ln", d: line }));
}

/** How much of something is in use, amber where it is all. */
export function bar(part, whole) {
  const share = whole > 0 ? Math.min(1, part / whole) : 0;
  return h("svg", { class: "util", width: 56, height: 8, "aria-hidden": "true" },
    h("rect", { class: "tr", width: "100%", height: 8, rx: 2 }),
    h("rect", { class: share >= 0.95 ? "fl hi" : "fl", width: `${(share * 100).toFixed(1)}%`, height: 8, rx: 2 }));
}
