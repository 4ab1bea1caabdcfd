// The page: converts user input to requests, and responses to images, numbers and curves.

import * as api from "./api.js";
import { Covariates } from "./covariates.js";
import { Numbers, showRow } from "./numbers.js";
import * as save from "./save.js";
import { Scatter } from "./scatter.js";
import { Slider } from "./sliders.js";
import { clamp, fresh, read, written } from "./state.js";
import { Curve } from "./survival.js";
import { LESIONS, Views } from "./views.js";
import { element, ratio } from "./format.js";

const $ = (selector) => document.querySelector(selector);
const SUGGESTIONS = 20;
const SPEED = 0.8; // units of the hazard axis per second

class Page {
  constructor(run, cohort) {
    this.run = run;
    this.cohort = cohort;
    this.state = fresh(run);
    this.start = null; // { z, scene, name }
    this.scene = null;
    this.anchor = null; // start of the movement along the hazard: { z, at }
    this.moves = this.turns = 0;
    this.ask = api.latest(api.decode, (...answer) => this.receive(...answer), trouble);
    this.table = run.shape.length === 1;
    const views = (place) => new Views($(place), run, this.state, () => this.redraw(), (...by) => this.window(...by));
    this.views = this.table ? null : views("#planes");
    this.scan = this.table || !run.has_images ? null : views("#scan");
    this.numbers = new Numbers($("#numbers"), run);
    this.curve = run.has_head ? new Curve($("#curve"), run) : null;
    this.scatter = new Scatter($("#cohort"), run, cohort, (id) => this.begin(id));
    this.dims = run.centre.map((_, index) =>
      new Slider(`z${index}`, `z${index}`, (value) => this.slide(index, value), () => this.slide(index, this.shown(this.start.z, index))),
    );
    this.hazard = new Slider("along", "Along the hazard", (value) => this.along(value), () => this.go([...this.start.z]));
    this.covariates = new Covariates($("#covariates"), run, (values) => {
      this.state.covariates = values;
      this.go(this.state.z);
      this.moved();
    });
    this.controls();
  }

  // Axes: z = centre + scale · u; raw axes, as in the paper, have centre 0 and scale 1.
  axis(index) {
    return this.state.axes === "raw" ? [0, 1] : [this.run.centre[index], this.run.scale[index]];
  }

  shown(z, index) {
    const [centre, scale] = this.axis(index);
    return (z[index] - centre) / scale;
  }

  zero() {
    return this.run.centre.map((_, index) => this.axis(index)[0]);
  }

  slide(index, value) {
    const [centre, scale] = this.axis(index);
    this.state.z[index] = centre + scale * value;
    this.go(this.state.z);
  }

  go(z) {
    this.halt();
    this.anchor = null;
    this.moves += 1;
    this.state.z = z;
    this.ask({ z: [...z], covariates: this.state.covariates }); // first, so that the server works while the sliders are updated
    this.place();
  }

  // Moves along the hazard from the current position; the slider shows standard deviations of the log-hazard.
  along(value) {
    this.anchor ??= { z: [...this.state.z], at: this.risen() };
    this.ask({ z: this.anchor.z, hazard: value - this.anchor.at, covariates: this.state.covariates });
    this.hazard.show(value, 0);
  }

  risen() {
    const ofImage = (scene) => scene.log_hazard - scene.covariate_log_hazard;
    const rise = ofImage(this.scene) - ofImage(this.start.scene);
    return this.start.scene.hazard_sd > 0 ? clamp(rise / this.start.scene.hazard_sd, -4, 4) : 0;
  }

  walk() {
    if (this.walking) return this.halt();
    $("#stroll").textContent = "Stop";
    let [value, way, before] = [this.hazard.at, 1, performance.now()];
    const step = (now) => {
      value += (way * SPEED * Math.min(now - before, 100)) / 1000;
      if (Math.abs(value) >= 4) [value, way] = [Math.sign(value) * 4, -Math.sign(value)];
      before = now;
      this.along(value);
      this.walking = requestAnimationFrame(step);
    };
    this.walking = requestAnimationFrame(step);
  }

  halt() {
    if (!this.walking) return;
    cancelAnimationFrame(this.walking);
    this.walking = null;
    $("#stroll").textContent = "Animate";
  }

  // Sets the start to a subject or to zero, and moves to `z` if given; keeps sliders that were moved in the meantime.
  async begin(from, z = null, covariates = null) {
    this.halt();
    this.anchor = null;
    const [turn, moves] = [++this.turns, this.moves];
    try {
      const { z: at, covariates: own } = from === null ? { z: this.zero(), covariates: {} } : await api.subject(from);
      const [scene, scan] = await Promise.all([api.decode({ z: at, covariates: own }), from === null ? null : this.scan && api.image(from)]);
      if (turn !== this.turns) return;
      this.showScan(from, scan);
      this.state.from = from;
      const middle = this.state.axes === "raw" ? "zero" : "mean of the training subjects";
      this.start = { z: at, covariates: own, scene, name: from === null ? middle : from };
      this.scene ??= scene;
      if (moves === this.moves) this.state.covariates = covariates ?? own;
      this.covariates.show(this.state.covariates);
      this.showStart();
      this.order();
      this.go(moves === this.moves ? (z ?? [...at]) : this.state.z);
    } catch (error) {
      if (from !== null && this.start !== null && error.error && "where" in error.error) this.refuse(message(error));
      else trouble(error);
      if (this.start === null && from !== null) await this.begin(null, z, covariates); // the address may contain an unknown subject
    }
  }

  // The image of the subject at the start, below the decoded one, with the same slices and window.
  showScan(id, voxels) {
    $("#decoded").hidden = $("#scan").hidden = voxels === null;
    $("#scanned").hidden = this.table || id === null;
    $("#scanned").textContent = voxels === null ? `The scan of ${id} is not on this computer.` : `Scan of ${id}, the start`;
    if (voxels !== null) this.scan.show(voxels);
  }

  // An error of the field "Start from", shown below it; empty without one.
  refuse(text) {
    $("#search-trouble").textContent = text;
    $("#search-trouble").hidden = text === "";
    $("#search").setAttribute("aria-invalid", String(text !== ""));
  }

  showStart() {
    this.refuse("");
    $("#search").value = "";
    const row = this.cohort.id.indexOf(this.state.from);
    const { duration, event, part } = this.cohort;
    $("#started").textContent =
      row < 0
        ? `Start: ${this.start.name}`
        : `Start: ${this.start.name} (${part[row]}), ${event[row] ? "event" : "censored"} at ${duration[row]} ${this.run.time_unit}`;
  }

  receive(scene, request, newest) {
    clearTrouble();
    this.scene = scene;
    if (request.hazard !== undefined && newest && this.anchor !== null) this.state.z = [...scene.z];
    const drawing = performance.now();
    if (this.table) showRow($("#row"), this.run, scene, this.start.scene);
    else this.views.show(scene.voxels);
    performance.measure("draw", { start: drawing, end: performance.now() });
    if (newest) document.dispatchEvent(new Event("drawn"));
    this.numbers.show(scene, this.start.scene);
    this.curve?.show(scene.survival, this.start.scene.survival, scene.incidence);
    this.place();
    this.moved();
  }

  // Updates the sliders and the position in the cohort from the state.
  place() {
    this.dims.forEach((slider, index) => {
      slider.show(this.shown(this.state.z, index), this.shown(this.start.z, index));
      if (this.run.has_head) slider.slope(this.scene.slope[index] * this.axis(index)[1]);
    });
    if (this.run.has_head) {
      if (this.anchor === null) this.hazard.show(this.risen(), 0);
      this.hazard.slope(this.scene.hazard_sd);
    }
    this.scatter.show(this.state.z, this.start.z);
  }

  order() {
    const strength = (index) => (this.run.has_head ? Math.abs(this.start.scene.slope[index]) * this.run.deviation[index] : 0);
    const wanted = this.dims.map((slider, index) => [this.state.sort === "strength" ? -strength(index) : 0, index, slider.row]);
    wanted.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    $("#dims").replaceChildren(...wanted.map(([, , row]) => row));
    $("#units").textContent =
      this.state.axes === "raw"
        ? "Raw latent units, as in the paper."
        : "Zero is the mean of the training subjects; one unit is one standard deviation.";
    if (!this.run.has_head) return;
    const psi = this.run.linear ? "ψ, the weight of the dimension in the model" : "ψ, the slope of the log-hazard at the current position";
    $("#units").textContent += ` On the right: ${psi}; and exp(ψ), the hazard ratio per unit. For intervals see survembed importance.`;
  }

  // The channel that is shown in grey.
  get channel() {
    return this.run.channels[this.state.channel];
  }

  window(level, width) {
    const [low, high] = this.channel.window;
    this.state.level = clamp(this.state.level + level * (high - low), low, high);
    this.state.width = clamp(this.state.width + width * (high - low), (high - low) / 100, high - low);
    this.redraw();
  }

  redraw() {
    this.settings();
    this.views?.draw();
    this.scan?.draw();
    this.moved();
  }

  moved() {
    if (this.views) $("#under").textContent = this.views.under();
    clearTimeout(this.writing);
    this.writing = setTimeout(() => this.write(), 150);
  }

  write() {
    history.replaceState(null, "", `${location.pathname}${written(this.state, this.run)}`);
  }

  // Updates the controls from the state.
  settings() {
    const { level, width, opacity, smooth, axes, sort, channel, over, blend } = this.state;
    const { unit, window: [low, high] } = this.channel;
    Object.assign($("#level"), { min: low, max: high, step: (high - low) / 400 });
    Object.assign($("#width"), { min: (high - low) / 100, max: high - low, step: (high - low) / 400 });
    $("#window").hidden = this.table || this.channel.likelihood !== "gaussian" || this.views.coloured;
    $("#channel").value = channel;
    $("#over").value = over ?? "";
    $("#blend").value = blend;
    $("#blend").hidden = over === null;
    Object.assign($("#level"), { value: level });
    Object.assign($("#width"), { value: width });
    $("#level-value").textContent = `${unit ? level.toFixed(0) : level.toFixed(2)} ${unit}`;
    $("#width-value").textContent = `${unit ? width.toFixed(0) : width.toFixed(2)} ${unit}`;
    $("#opacity").value = opacity;
    $("#smooth").checked = smooth;
    $("#axes").value = axes;
    $("#sort").value = sort;
  }

  controls() {
    const { run, state } = this;
    for (const name of ["level", "width", "opacity", "blend"]) {
      $(`#${name}`).addEventListener("input", (event) => {
        state[name] = Number(event.target.value);
        this.redraw();
      });
    }
    $("#smooth").addEventListener("change", (event) => {
      state.smooth = event.target.checked;
      this.redraw();
    });
    const images = run.channels.flatMap(({ name, overlay }, value) => (overlay ? [] : [element("option", { value }, name)]));
    $("#channel").replaceChildren(...images);
    $("#over").replaceChildren(element("option", { value: "" }, "none"), ...images.map((each) => each.cloneNode(true)));
    $("#channels").hidden = this.table || images.length < 2 || this.views.coloured;
    $("#channel").addEventListener("change", (event) => {
      const { channel, level, width } = fresh(run, Number(event.target.value));
      Object.assign(state, { channel, level, width });
      this.redraw();
    });
    $("#over").addEventListener("change", (event) => {
      state.over = event.target.value === "" ? null : Number(event.target.value);
      this.redraw();
    });
    const lesions = this.table ? [] : this.views.lesions;
    $("#overlay").hidden = lesions.length === 0;
    const colours = lesions.map((number, order) => `${run.channels[number].name} ${LESIONS[order % LESIONS.length][0]}`);
    if (lesions.length > 1) $("#overlay").firstChild.data = `By their fraction: ${colours.join(", ")} `;
    $("#smooth").parentElement.hidden = $("#save-png").hidden = this.table;
    $("#axes").addEventListener("change", (event) => {
      state.axes = event.target.value;
      this.begin(state.from, [...state.z], state.covariates);
    });
    $("#sort").addEventListener("change", (event) => {
      state.sort = event.target.value;
      this.order();
      this.moved();
    });
    $("#sorting").hidden = $("#hazard").hidden = $("#survival").hidden = !run.has_head;
    const stroll = element("button", { type: "button", id: "stroll" }, "Animate");
    stroll.addEventListener("click", () => this.walk());
    $("#hazard").append(this.hazard.row, stroll);
    for (const kind of ["pointerdown", "keydown"]) this.hazard.input.addEventListener(kind, () => this.halt());
    $("#zero").addEventListener("click", () => this.begin(null));
    $("#back").addEventListener("click", () => {
      this.state.covariates = this.start.covariates;
      this.covariates.show(this.state.covariates);
      this.go([...this.start.z]);
    });
    $("#search").addEventListener("input", (event) => {
      this.refuse("");
      this.suggest(event.target.value);
    });
    $("#starting").addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = $("#search").value.trim();
      this.begin(typed === "" || typed === "zero" ? null : typed);
    });
    this.saves();
    addEventListener("hashchange", () => this.restore());
  }

  suggest(typed) {
    const found = this.cohort.id.filter((id) => id.includes(typed)).slice(0, SUGGESTIONS);
    $("#found").replaceChildren(...found.map((id) => element("option", { value: id })));
  }

  saves() {
    const name = () => `${this.run.run}_${this.start.name}`.replace(/[^\w.-]+/g, "-");
    $("#save-png").addEventListener("click", () => save.png(this.views, this.caption(), name()).catch(trouble));
    if (this.run.shape.length !== 3 || this.run.spacing_mm === null) return;
    for (const { name: channel } of this.run.channels) {
      const button = element("button", { type: "button", "data-nifti": channel }, `NIfTI: ${channel}`);
      button.addEventListener("click", () => save.nifti(this.state, channel, name()).catch(trouble));
      $("#saves").append(button);
    }
  }

  caption() {
    const z = this.state.z.map((_, index) => `z${index} ${this.shown(this.state.z, index).toFixed(2)}`).join("  ");
    const facts = Object.values(this.numbers.facts).map((fact) => `${fact.title} ${fact.text}`);
    return [
      `${this.run.title}, decoded by ${this.run.model}`,
      `${[...facts, `start: ${this.start.name}`].join(", ")}. Research use only, not a medical device.`,
      `${this.state.axes} ${z}  ${Object.entries(this.covariates.values()).map((each) => each.join(" ")).join("  ")}`.trim(),
      this.run.run,
    ];
  }

  async restore() {
    const { z, covariates, ...rest } = read(location.hash, this.run);
    Object.assign(this.state, rest);
    this.settings();
    await this.begin(this.state.from, z, covariates);
  }
}

function message(error) {
  const told = error.error ?? { message: String(error) };
  const more = [told.expected && `Expected: ${told.expected}.`, told.try && `Try: ${told.try}.`].filter(Boolean);
  return [`${told.message[0].toUpperCase()}${told.message.slice(1)}.`, ...more].join(" ");
}

function trouble(error) {
  $("#trouble").textContent = message(error);
  $("#trouble").hidden = false;
}

function clearTrouble() {
  if (!$("#trouble").hidden && $("#trouble").dataset.kept !== "yes") $("#trouble").hidden = true;
}

async function main() {
  const [run, cohort] = await Promise.all([api.run(), api.subjects()]);
  document.title = `${run.title} · survembed explore`;
  $("#title").textContent = run.title;
  $("#about").textContent = `${run.model}, run ${run.run}${run.synthetic ? ", synthetic data" : ""}`;
  $("#main").hidden = false;
  $("#main").classList.toggle("headless", !run.has_head);
  await new Page(run, cohort).restore();
}

main().catch(trouble);
