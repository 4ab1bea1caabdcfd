// The decoded image: one canvas a plane, a voxel a pixel, with a crosshair that mouse and keys move.

import { clamp } from "./state.js";
import { element } from "./format.js";

const RED = [219, 20, 31];

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
    this.overlay = run.channels.findIndex((channel, index) => index > 0 && channel.overlay);
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
    const [low, high] = this.run.channels[0].window;
    const { level, width } = this.state;
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
    const lesion = this.overlay < 0 ? null : this.voxels.subarray(this.overlay * this.size);
    const { opacity } = this.state;
    let pixel = 0;
    for (let row = 0; row < height; row++) {
      let index = start + (flips ? height - 1 - row : row) * dy + (flips ? (width - 1) * dx : 0);
      for (let columns = 0; columns < width; columns++, index += flips ? -dx : dx) {
        const shade = grey[this.voxels[index]];
        if (lesion !== null && lesion[index] > 0) {
          const alpha = (opacity * lesion[index]) / 255;
          const [r, g, b] = RED.map((full) => Math.round((1 - alpha) * shade + alpha * full));
          words[pixel++] = 0xff000000 | (b << 16) | (g << 8) | r;
        } else {
          words[pixel++] = 0xff000000 | (shade << 16) | (shade << 8) | shade;
        }
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
