// The decoded image: one canvas a plane, a voxel a pixel, with a crosshair that mouse and keys move.

import { clamp } from "./state.js";
import { element } from "./format.js";

// Colour of each lesion channel in their order, as in the figures; they begin again after the last.
export const LESIONS = [
  ["red", [219, 20, 31]], ["yellow", [240, 199, 0]], ["blue", [26, 115, 242]],
  ["green", [0, 166, 102]], ["magenta", [204, 77, 191]], ["cyan", [51, 191, 217]],
];

// A fused channel goes from black over red and yellow to white, and hides the grey one where it is above half.
const HOT = Array.from({ length: 256 }, (_, stored) => [0, 1, 2].map((third) => Math.max(0, Math.min(255, 3 * stored - 255 * third))));
const FUSED = Array.from({ length: 256 }, (_, stored) => Math.min(1, (2 * stored) / 255));

// Radiological convention for volumes in RAS order: the subject's right on the left, anterior and superior up.
const PLANES = [
  { name: "Axial", through: 2, across: 0, down: 1, flips: true, edges: ["R", "L", "A", "P"] },
  { name: "Coronal", through: 1, across: 0, down: 2, flips: true, edges: ["R", "L", "S", "I"] },
  { name: "Sagittal", through: 0, across: 1, down: 2, flips: true, edges: ["A", "P", "S", "I"] },
];
const IMAGE = { name: "Image", through: null, across: 1, down: 0, flips: false, edges: [] };

export class Views {
  // `moved` is called when the crosshair moves, `windowed` with changes of level and width in shares of the window.
  constructor(place, run, state, moved, windowed) {
    this.kind = place.id === "scan" ? "scan" : "plane";
    this.run = run;
    this.state = state;
    this.moved = moved;
    this.windowed = windowed;
    this.shape = run.shape;
    this.strides = run.shape.map((_, axis) => run.shape.slice(axis + 1).reduce((product, edge) => product * edge, 1));
    this.size = run.shape.reduce((product, edge) => product * edge, 1);
    this.lesions = run.channels.flatMap((channel, index) => (channel.overlay ? [index] : []));
    this.coloured = run.channels.map((channel) => channel.name).join() === "red,green,blue";
    this.voxels = null;
    this.planes = (run.shape.length === 3 ? PLANES : [IMAGE]).map((plane) => this.build(place, plane));
    place.classList.toggle("single", this.planes.length === 1);
  }

  build(place, plane) {
    const [width, height] = [this.shape[plane.across], this.shape[plane.down]];
    const canvas = element("canvas", { width, height, tabindex: "0", role: "application", [`data-${this.kind}`]: plane.name.toLowerCase() });
    const mm = this.run.spacing_mm ?? this.shape.map(() => 1);
    canvas.style.aspectRatio = `${width * mm[plane.across]} / ${height * mm[plane.down]}`;
    const [column, line] = [element("i", { class: "column" }), element("i", { class: "line" })];
    const edges = plane.edges.map((letter, index) => element("b", { class: ["west", "east", "north", "south"][index] }, letter));
    const caption = element("figcaption");
    place.append(element("figure", {}, element("div", { class: "plane" }, canvas, column, line, ...edges), caption));
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(width, height);
    const built = { ...plane, canvas, context, pixels, words: new Uint32Array(pixels.data.buffer), column, line, caption };
    this.listen(built);
    return built;
  }

  listen(plane) {
    const { canvas } = plane;
    let last = null;
    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      const share = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      this.move(plane.across, this.fromScreen(plane, plane.across, Math.floor(share[0] * canvas.width)));
      this.move(plane.down, this.fromScreen(plane, plane.down, Math.floor(share[1] * canvas.height)));
    };
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = event.button === 2 || event.shiftKey ? [event.clientX, event.clientY] : null;
      if (last === null) point(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      if (last === null) return point(event);
      this.windowed((last[1] - event.clientY) / 300, (event.clientX - last[0]) / 300);
      last = [event.clientX, event.clientY];
    });
    canvas.addEventListener("wheel", (event) => {
      if (plane.through === null || event.ctrlKey) return; // with Ctrl it zooms the page
      event.preventDefault();
      this.move(plane.through, this.state.at[plane.through] - Math.sign(event.deltaY));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 5 : 1;
      const keys = {
        ArrowLeft: [plane.across, -step], ArrowRight: [plane.across, step],
        ArrowUp: [plane.down, -step], ArrowDown: [plane.down, step],
        PageUp: [plane.through, step], PageDown: [plane.through, -step],
      };
      const [axis, by] = keys[event.key] ?? [null];
      if (axis === null) return;
      event.preventDefault();
      const onScreen = plane.flips && axis !== plane.through ? -by : by;
      this.move(axis, this.state.at[axis] + onScreen);
    });
  }

  fromScreen(plane, axis, pixel) {
    return plane.flips ? this.shape[axis] - 1 - pixel : pixel;
  }

  move(axis, index) {
    const bounded = clamp(index, 0, this.shape[axis] - 1);
    if (bounded === this.state.at[axis]) return;
    this.state.at[axis] = bounded;
    this.draw();
    this.moved();
  }

  show(voxels) {
    this.voxels = voxels;
    this.draw();
  }

  draw() {
    if (this.voxels === null) return;
    const grey = this.greys();
    for (const plane of this.planes) {
      this.paint(plane, grey);
      this.cross(plane);
    }
  }

  // Grey value for each stored value, 0 to 255, at the current level and width.
  greys() {
    const { level, width, channel } = this.state;
    const [low, high] = this.run.channels[channel].window;
    return Uint8ClampedArray.from({ length: 256 }, (_, stored) => {
      const value = low + ((high - low) * stored) / 255;
      return 255 * ((value - level) / width + 0.5);
    });
  }

  paint(plane, grey) {
    const { across, down, through, words, flips } = plane;
    const [width, height] = [this.shape[across], this.shape[down]];
    const [dx, dy] = [this.strides[across], this.strides[down]];
    const start = through === null ? 0 : this.state.at[through] * this.strides[through];
    const { opacity, channel, over, blend } = this.state;
    const of = (number) => this.voxels.subarray(number * this.size, (number + 1) * this.size);
    const lesions = this.lesions.map((number, order) => [of(number), LESIONS[order % LESIONS.length][1]]);
    const base = this.coloured ? [of(0), of(1), of(2)] : [of(channel)];
    const fused = over === null ? null : of(over);
    const mix = (colour, onto, alpha) => onto.map((value, third) => (1 - alpha) * value + alpha * colour[third]);
    let pixel = 0;
    for (let row = 0; row < height; row++) {
      let index = start + (flips ? height - 1 - row : row) * dy + (flips ? (width - 1) * dx : 0);
      for (let columns = 0; columns < width; columns++, index += flips ? -dx : dx) {
        const shade = grey[base[0][index]];
        let rgb = this.coloured ? base.map((values) => values[index]) : [shade, shade, shade];
        if (fused !== null) rgb = mix(HOT[fused[index]], rgb, blend * FUSED[fused[index]]);
        for (const [fraction, colour] of lesions) if (fraction[index] > 0) rgb = mix(colour, rgb, (opacity * fraction[index]) / 255);
        const [r, g, b] = rgb.map(Math.round);
        words[pixel++] = 0xff000000 | (b << 16) | (g << 8) | r;
      }
    }
    plane.context.putImageData(plane.pixels, 0, 0);
    plane.canvas.classList.toggle("smooth", this.state.smooth);
  }

  cross(plane) {
    const share = (axis) => `${((this.fromScreen(plane, axis, this.state.at[axis]) + 0.5) / this.shape[axis]) * 100}%`;
    plane.column.style.left = share(plane.across);
    plane.line.style.top = share(plane.down);
    const slice = plane.through === null ? "" : ` ${this.state.at[plane.through] + 1} of ${this.shape[plane.through]}`;
    plane.caption.textContent = `${plane.name}${slice}`;
    const more = plane.through === null ? "" : ", Page Up and Page Down the slice";
    plane.canvas.setAttribute("aria-label", `${this.kind === "scan" ? "Scan, " : ""}${plane.name}${slice}. Arrow keys move the crosshair${more}.`);
  }

  // Position and values at the crosshair, as text.
  under() {
    if (this.voxels === null) return "";
    const index = this.state.at.reduce((sum, position, axis) => sum + position * this.strides[axis], 0);
    const values = this.run.channels.map((channel, number) => {
      const [low, high] = channel.window;
      const value = low + ((high - low) * this.voxels[number * this.size + index]) / 255;
      return `${channel.name} ${channel.unit ? `${value.toFixed(0)} ${channel.unit}` : value.toFixed(2)}`;
    });
    const mm = this.run.spacing_mm;
    const places = this.state.at.map((position, axis) => {
      if (mm === null || this.shape.length !== 3) return String(position);
      const away = (position - (this.shape[axis] - 1) / 2) * mm[axis];
      return `${["LR", "PA", "IS"][axis][away < 0 ? 0 : 1]} ${Math.abs(away).toFixed(0)} mm`;
    });
    return [places.join(", "), ...values].join("  ·  ");
  }
}
