// Predicted survival at the current position, with its 95 % band, and at the start, as step curves; beside them the
// cumulative incidence of each competing cause at the current position.

import { plain } from "./format.js";

const SPACE = "http://www.w3.org/2000/svg";
const COLOURS = 4;
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [420, 230, 40, 36, 10, 12];

function shape(tag, attributes, text = "") {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

// Round numbers from 0 to at most `end`, three to six of them.
export function ticks(end) {
  const rough = end / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * power).find((size) => size >= rough);
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step);
}

export class Curve {
  constructor(svg, run) {
    this.times = run.times;
    this.end = run.times.at(-1);
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "xMidYMin meet");
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      const y = this.y(share);
      svg.append(shape("line", { class: share === 0 ? "axis" : "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y }));
      svg.append(shape("text", { class: "tick", x: LEFT - 7, y: y + 4, "text-anchor": "end" }, `${share * 100}%`));
    }
    for (const time of ticks(this.end)) {
      svg.append(shape("text", { class: "tick", x: this.x(time), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, plain(time, 6)));
    }
    svg.append(shape("text", { class: "tick", x: WIDTH - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, run.time_unit));
    this.band = svg.appendChild(shape("path", { class: "band" }));
    this.before = svg.appendChild(shape("path", { class: "start" }));
    this.now = svg.appendChild(shape("path", { class: "here" }));
    this.causes = run.causes.map((cause, number) => {
      const name = `cause cause-${number % COLOURS}`;
      return { cause, name, path: svg.appendChild(shape("path", { class: name })) };
    });
    const key = shape("g", { class: "key" });
    const curves = [["here", run.has_interval ? "current, 95 % band" : "current"], ["start", "start"]];
    for (const { cause, name } of this.causes) curves.push([name, `incidence: ${cause}`]);
    const left = WIDTH - Math.max(140, ...curves.map(([, text]) => 40 + 7 * text.length));
    for (const [row, [name, text]] of curves.entries()) {
      const y = TOP + 12 + row * 17;
      key.append(shape("line", { class: name, x1: left, x2: left + 22, y1: y, y2: y }));
      key.append(shape("text", { class: "tick", x: left + 28, y: y + 4 }, text));
    }
    svg.append(key);
  }

  x(time) {
    return LEFT + ((WIDTH - LEFT - RIGHT) * time) / this.end;
  }

  y(share) {
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share);
  }

  path(survival, first = 1) {
    const steps = survival.map((share, index) => `H${this.x(this.times[index]).toFixed(1)}V${this.y(share).toFixed(1)}`);
    return `M${LEFT} ${this.y(first)}${steps.join("")}`;
  }

  // Along the upper curve and back along the lower one.
  between(low, high) {
    const back = this.times.map((time, index) => `V${this.y(low[index]).toFixed(1)}H${this.x(time).toFixed(1)}`).reverse();
    return `${this.path(high)}${back.join("")}Z`;
  }

  show([here, low, high], [start], incidence) {
    for (const { cause, path } of this.causes) path.setAttribute("d", this.path(incidence[cause], 0));
    this.now.setAttribute("d", this.path(here));
    this.band.setAttribute("d", low[0] === null ? "" : this.between(low, high));
    this.before.setAttribute("d", this.path(start));
  }
}
