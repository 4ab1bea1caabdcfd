// One slider: name, value, effect of one unit on the hazard, and a mark at the start.

import { clamp } from "./state.js";
import { element, ratio, signed } from "./format.js";

const REACH = 4;

export class Slider {
  // `moved` is called with the new value, `home` to return to the start.
  constructor(name, label, moved, home) {
    this.input = element("input", { type: "range", id: name, min: -REACH, max: REACH, step: "any" });
    this.value = element("span", { class: "value" });
    this.psi = element("span", { class: "psi" });
    this.mark = element("i", { class: "mark" });
    this.row = element(
      "div", { class: "slider" },
      element("label", { for: name }, label),
      element("span", { class: "track" }, this.input, this.mark),
      this.value,
      this.psi,
    );
    this.input.addEventListener("input", () => moved(Number(this.input.value)));
    this.input.addEventListener("dblclick", home);
    this.input.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 1 : 0.1;
      const steps = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageUp: 1, PageDown: -1 };
      if (event.key in steps) {
        const next = this.at + steps[event.key];
        moved(clamp(Math.round(next * 1000) / 1000, -REACH, REACH));
      } else if (event.key === "Backspace" || event.key === "Delete") home();
      else return;
      event.preventDefault();
    });
  }

  // A value outside the range of the slider is shown as text; only the thumb stays at the end.
  show(value, start) {
    this.at = value;
    this.input.value = String(value);
    this.input.setAttribute("aria-valuetext", signed(value));
    this.value.textContent = signed(value);
    this.mark.style.left = `${((clamp(start, -REACH, REACH) + REACH) / (2 * REACH)) * 100}%`;
  }

  slope(psi) {
    this.psi.textContent = `${signed(psi, 3)}  ×${ratio(Math.exp(psi))}`;
    this.psi.title = `ψ = ${psi.toPrecision(4)}: one unit multiplies the hazard by exp(ψ) = ${Math.exp(psi).toPrecision(4)}`;
    this.row.dataset.psi = String(psi);
  }
}
