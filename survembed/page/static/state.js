// State of the page, and its copy after the # of the address: a link restores it and contains no token.

import { readCovariates } from "./covariates.js";

const short = (number) => String(Number(number.toPrecision(7)));
const numbers = (text) => text.split(",").map(Number);
const sound = (values, count) => values.length === count && values.every(Number.isFinite);

export function fresh(run) {
  const [low, high] = run.channels[0].window;
  return {
    z: [...run.centre],
    from: null,
    covariates: {},
    axes: "standardised",
    sort: "strength",
    at: run.shape.map((edge) => Math.floor(edge / 2)),
    level: (low + high) / 2,
    width: high - low,
    opacity: 0.65,
    smooth: true,
  };
}

export function written(state, run) {
  const usual = fresh(run);
  const parts = { z: state.z.map(short).join(",") };
  if (state.from !== null) parts.from = state.from;
  if (Object.keys(state.covariates).length) parts.covariates = JSON.stringify(state.covariates);
  for (const key of ["axes", "sort"]) if (state[key] !== usual[key]) parts[key] = state[key];
  for (const key of ["level", "width", "opacity"]) if (state[key] !== usual[key]) parts[key] = short(state[key]);
  if (String(state.at) !== String(usual.at)) parts.at = state.at.join(",");
  if (!state.smooth) parts.smooth = "no";
  return `#${new URLSearchParams(parts)}`.replaceAll("%2C", ",");
}

// State from an address; invalid values are ignored. `z` and `covariates` are null if absent.
export function read(hash, run) {
  const given = new URLSearchParams(hash.slice(1));
  const state = { ...fresh(run), z: null };
  state.covariates = readCovariates(given.get("covariates"), run);
  const z = numbers(given.get("z") ?? "");
  if (given.has("z") && sound(z, run.centre.length)) state.z = z;
  if (given.has("from")) state.from = given.get("from");
  if (given.get("axes") === "raw") state.axes = "raw";
  if (given.get("sort") === "number") state.sort = "number";
  const at = numbers(given.get("at") ?? "");
  if (sound(at, run.shape.length)) state.at = at.map((index, axis) => clamp(Math.round(index), 0, run.shape[axis] - 1));
  for (const key of ["level", "width", "opacity"]) {
    const value = Number(given.get(key) ?? NaN);
    if (Number.isFinite(value)) state[key] = value;
  }
  state.opacity = clamp(state.opacity, 0, 1);
  state.smooth = given.get("smooth") !== "no";
  return state;
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
