// The cohort on its first two principal components: colour shows the duration, hollow circles are censored; a click selects a subject as the start.

import { clamp } from "./state.js";
import { element, plain } from "./format.js";

// Cividis, a colour map for all kinds of colour vision, without the part that has too little contrast to the page.
const CIVIDIS = [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [194, 182, 107], [254, 232, 56]];

const dark = matchMedia("(prefers-color-scheme: dark)");

function colour(share) {
  const [first, last] = dark.matches ? [0.35, 1] : [0, 0.9];
  const at = (first + (last - first) * Math.min(Math.max(share, 0), 1)) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const mixed = CIVIDIS[low].map((value, index) => Math.round(value + (CIVIDIS[low + 1][index] - value) * (at - low)));
  return `rgb(${mixed.join(" ")})`;
}

export class Scatter {
  constructor(place, run, cohort, chosen) {
    this.run = run;
    this.cohort = cohort;
    this.canvas = place.querySelector("#scatter canvas");
    this.caption = place.querySelector("#pointed");
    this.pointed = null;
    this.here = this.start = [0, 0];
    const sorted = [...cohort.duration].sort((a, b) => a - b);
    this.longest = sorted[Math.floor(0.95 * (sorted.length - 1))] || 1; // 95th percentile, so that a few long durations do not use most of the colours
    this.ranges = [0, 1].map((axis) => {
      const [low, high] = cohort.place.reduce(([a, b], point) => [Math.min(a, point[axis]), Math.max(b, point[axis])], [0, 0]);
      const margin = 0.08 * (high - low) || 1;
      return [low - margin, high + margin];
    });
    this.legend(place.querySelector("#legend"));
    this.listen(chosen);
    new ResizeObserver(() => this.layer()).observe(this.canvas);
    dark.addEventListener("change", () => this.layer());
  }

  legend(place) {
    this.bar = element("i", { class: "bar" });
    place.append(
      element("span", {}, "0 ", this.bar, ` ${plain(this.longest)} ${this.run.time_unit} or more`),
      element("span", {}, element("i", { class: "dot" }), "event"),
      element("span", {}, element("i", { class: "dot hollow" }), "censored"),
      element("span", {}, element("i", { class: "dot here" }), "current"),
      element("span", {}, element("i", { class: "dot from" }), "start"),
    );
  }

  listen(chosen) {
    const nearest = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return this.nearest(event.clientX - box.left, event.clientY - box.top, 16);
    };
    this.canvas.addEventListener("pointermove", (event) => this.point(nearest(event)));
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    this.canvas.addEventListener("click", (event) => {
      const index = nearest(event);
      if (index !== null) chosen(this.cohort.id[index]);
    });
    this.canvas.addEventListener("keydown", (event) => {
      const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (event.key in ways) this.point(this.neighbour(ways[event.key]));
      else if (event.key === "Enter" && this.pointed !== null) chosen(this.cohort.id[this.pointed]);
      else return;
      event.preventDefault();
    });
  }

  screen([x, y]) {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const share = (value, [low, high]) => (value - low) / (high - low);
    return [width * share(x, this.ranges[0]), height * (1 - share(y, this.ranges[1]))];
  }

  nearest(x, y, within) {
    let [found, least] = [null, within ** 2];
    this.cohort.place.forEach((point, index) => {
      const [px, py] = this.screen(point);
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least) [found, least] = [index, distance];
    });
    return found;
  }

  // The next subject in one of four directions from the highlighted one, or from the current position.
  neighbour([dx, dy]) {
    const from = this.screen(this.pointed === null ? this.here : this.cohort.place[this.pointed]);
    let [found, least] = [this.pointed, Infinity];
    this.cohort.place.forEach((point, index) => {
      const at = this.screen(point);
      const [ahead, aside] = [(at[0] - from[0]) * dx + (at[1] - from[1]) * dy, Math.abs((at[0] - from[0]) * dy) + Math.abs((at[1] - from[1]) * dx)];
      if (index !== this.pointed && ahead > 0 && ahead + 2 * aside < least) [found, least] = [index, ahead + 2 * aside];
    });
    return found;
  }

  point(index) {
    if (index === this.pointed) return;
    this.pointed = index;
    const { id, duration, event, part } = this.cohort;
    this.caption.textContent =
      index === null ? "" : `${id[index]}: ${plain(duration[index])} ${this.run.time_unit}, ${event[index] ? "event" : "censored"}, ${part[index]}`;
    this.draw();
  }

  // The cohort does not change: it is drawn once for each size and theme, and copied below the moving markers.
  layer() {
    const ratio = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    this.bar.style.background = `linear-gradient(90deg, ${[0, 0.2, 0.4, 0.6, 0.8, 1].map(colour).join(", ")})`;
    [this.canvas.width, this.canvas.height] = [width * ratio, height * ratio];
    this.still = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    const context = this.still.getContext("2d");
    context.scale(ratio, ratio);
    const size = this.cohort.id.length > 2000 ? 1.6 : 3.6;
    this.cohort.place.forEach((point, index) => {
      const [x, y] = this.screen(point);
      context.beginPath();
      context.arc(x, y, size, 0, 2 * Math.PI);
      context.fillStyle = context.strokeStyle = colour(this.cohort.duration[index] / this.longest);
      if (this.cohort.event[index]) context.fill();
      else context.stroke();
    });
    this.draw();
  }

  draw() {
    if (!this.still) return;
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.still, 0, 0);
    context.scale(devicePixelRatio, devicePixelRatio);
    const style = getComputedStyle(this.canvas);
    const { clientWidth, clientHeight } = this.canvas;
    const ring = (point, size, name, width) => { // a position outside the range is drawn at the edge
      const [x, y] = this.screen(point);
      context.beginPath();
      const inside = size + width;
      context.arc(clamp(x, inside, clientWidth - inside), clamp(y, inside, clientHeight - inside), size, 0, 2 * Math.PI);
      context.lineWidth = width;
      context.strokeStyle = style.getPropertyValue(name);
      context.stroke();
    };
    if (this.pointed !== null) ring(this.cohort.place[this.pointed], 8, "--ink", 1.5);
    ring(this.start, 5, "--start", 2);
    ring(this.here, 7, "--accent", 3);
  }

  show(here, start) {
    [this.here, this.start] = [this.project(here), this.project(start)];
    this.draw();
  }

  project(z) {
    const { centre, components } = this.run;
    return components.map((axis) => axis.reduce((sum, weight, index) => sum + weight * (z[index] - centre[index]), 0));
  }
}
