// A control for each covariate of a clinical + image model: a number, or a list of its levels.

import { element } from "./format.js";

export class Covariates {
  // `changed` is called with all values by name; a value that is left out is that of the reference subject.
  constructor(root, run, changed) {
    this.controls = new Map();
    root.hidden = run.covariates.length === 0;
    for (const [index, covariate] of run.covariates.entries()) {
      const id = `covariate-${index}`;
      const control = covariate.levels
        ? element("select", { id }, ...covariate.levels.map((level) => element("option", { value: level }, level)))
        : element("input", { id, type: "number", step: "any" });
      if (!covariate.levels) control.title = `${covariate.low} to ${covariate.high} in the training part`;
      control.addEventListener("change", () => {
        if (!covariate.levels && !Number.isFinite(control.valueAsNumber)) control.value = String(covariate.reference);
        changed(this.values());
      });
      this.controls.set(covariate, control);
      root.append(element("label", { for: id }, `${covariate.name} `, control));
    }
    root.title = run.conditional_prior
      ? "z − Wx is held: a covariate moves hazard and image, as far as the image depends on it"
      : "A covariate moves the hazard; the image does not depend on it";
    this.show({});
  }

  values() {
    return Object.fromEntries(
      [...this.controls].map(([covariate, control]) => [covariate.name, covariate.levels ? control.value : control.valueAsNumber]),
    );
  }

  show(values) {
    for (const [covariate, control] of this.controls) {
      const value = values[covariate.name] ?? covariate.reference;
      control.value = covariate.levels ? value : String(Number(value.toPrecision(6)));
    }
  }
}

// Values from an address, as text; null if they are absent or fit no control.
export function readCovariates(text, run) {
  let values = null;
  try {
    values = JSON.parse(text);
  } catch {
    return null;
  }
  if (values === null || typeof values !== "object") return null;
  const fits = ({ name, levels }) => !(name in values) || (levels ? levels.includes(values[name]) : Number.isFinite(values[name]));
  return run.covariates.every(fits) && Object.keys(values).every((name) => run.covariates.some((each) => each.name === name)) ? values : null;
}
