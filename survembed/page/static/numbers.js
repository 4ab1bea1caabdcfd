// The numbers next to the image: at the current position and at the start.

import { element, ml, plain, range, ratio, time } from "./format.js";

export class Numbers {
  constructor(place, run) {
    this.run = run;
    this.list = place.querySelector("dl");
    this.far = place.querySelector("#far");
    this.announced = place.querySelector("#announced");
    this.facts = {};
    this.unproven = place.querySelector("#unproven");
    if (run.has_head) this.add("ratio", run.cause ? `Claimed hazard of ${run.cause}` : "Claimed hazard");
    if (run.has_head) this.add("reencoded", "Re-encoded hazard");
    for (const channel of run.spacing_mm ? run.channels : []) {
      if (channel.likelihood === "bernoulli") this.add(channel.name, `${channel.name[0].toUpperCase()}${channel.name.slice(1)} volume`);
    }
    if (run.has_head) this.add("median", "Median survival");
  }

  add(key, title) {
    const [value, beside] = [element("data", { id: `fact-${key}`, value: "" }), element("span", { class: "quiet" })];
    this.list.append(element("div", {}, element("dt", {}, title), element("dd", {}, value, beside)));
    this.facts[key] = { title, value, beside };
  }

  put(key, exact, text, beside) {
    const fact = this.facts[key];
    fact.value.value = String(exact);
    fact.value.textContent = fact.text = text;
    fact.beside.textContent = beside;
  }

  show(scene, start) {
    const unit = this.run.time_unit;
    if (this.run.has_head) {
      const times = Math.exp(scene.log_hazard - start.log_hazard);
      this.put("ratio", times, `×${ratio(times)}`, "relative to the start");
      this.prove(scene.log_hazard - start.log_hazard, scene.reencoded - start.log_hazard);
      const [median, low, high] = scene.median;
      const interval = this.run.has_interval ? `95 %: ${range(low, high)}\n` : "";
      this.put("median", median, time(median, unit), `${interval}start: ${time(start.median[0], unit)}`);
    }
    for (const [channel, volume] of Object.entries(scene.volumes_ml)) {
      this.put(channel, volume, ml(volume), `start: ${ml(start.volumes_ml[channel])}`);
    }
    const share = scene.distance_percentile;
    this.far.classList.toggle("warning", share > this.run.far);
    const warning = share > this.run.far ? ": out of distribution" : "";
    this.far.textContent = `Farther from the mean than ${plain(share, 2)} % of the ${this.run.compared_with} subjects${warning}.`;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.announce(), 700); // screen readers announce the end of a movement, not each step
  }

  // The model's own log-hazard of the decoded image, beside the claimed one; a warning by the rule of the figures.
  prove(claimed, again) {
    this.put("reencoded", Math.exp(again), `×${ratio(Math.exp(again))}`, "of this image, encoded again");
    const [absolute, relative] = this.run.differs;
    this.unproven.hidden = Math.abs(again - claimed) <= absolute + relative * Math.abs(claimed);
    this.unproven.textContent =
      `This decoded image does not show the claimed hazard: it claims × ${ratio(Math.exp(claimed))}, ` +
      `but the model rates that image × ${ratio(Math.exp(again))}.`;
  }

  announce() {
    const facts = Object.values(this.facts).map((fact) => `${fact.title} ${fact.text}`).join(", ");
    this.announced.textContent = this.unproven.hidden ? facts : `${facts}. ${this.unproven.textContent}`;
  }
}

// The decoded row of a table, one line per column.
export function showRow(table, run, scene, start) {
  table.hidden = false;
  const rows = scene.row.map((value, index) =>
    element("tr", {}, element("th", { scope: "row" }, run.features[index] ?? String(index)), element("td", {}, plain(value, 4)), element("td", {}, plain(start.row[index], 4))),
  );
  table.querySelector("tbody").replaceChildren(...rows);
}
