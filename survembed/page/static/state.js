// State of the page, and its copy after the # of the address: a link restores it and contains no token.

import { readCovariates } from "./covariates.js";

const short = (number) => String(Number(number.toPrecision(7)));
const numbers = (text) => text.split(",").map(Number);
const sound = (values, count) => values.length === count && values.every(Number.isFinite);

export function fresh(run, channel = run.drawn) {
  const [low, high] = run.channels[channel].window;
  return {
    z: [...run.centre],
    from: null,
    covariates: {},
    axes: "standardised",
    sort: "strength",
    at: run.shape.map((edge) => Math.floor(edge / 2)),
    channel,
    over: null,
    blend: 0.7,
    level: (low + high) / 2,
    width: high - low,
    opacity: 0.65,
    smooth: true,
  };
}

export function written(state, run) {
  const usual = fresh(run, state.channel);
  const parts = { z: state.z.map(short).join(",") };
  if (state.from !== null) parts.from = state.from;
  if (Object.keys(state.covariates).length) parts.covariates = JSON.stringify(state.covariates);
  if (state.channel !== run.drawn) parts.channel = run.channels[state.channel].name;
  if (state.over !== null) parts.over = run.channels[state.over].name;
  for (const key of ["axes", "sort"]) if (state[key] !== usual[key]) parts[key] = state[key];
  for (const key of ["level", "width", "opacity", "blend"]) if (state[key] !== usual[key]) parts[key] = short(state[key]);
  if (String(state.at) !== String(usual.at)) parts.at = state.at.join(",");
  if (!state.smooth) parts.smooth = "no";
  return `#${new URLSearchParams(parts)}`.replaceAll("%2C", ",");
}

// State from an address; invalid values are ignored. `z` and `covariates` are null if absent.
export function read(hash, run) {
  const given = new URLSearchParams(hash.slice(1));
  const images = run.channels.map(({ name, overlay }) => (overlay ? null : name));
  const known = (name, other) => (given.has(name) && images.includes(given.get(name)) ? images.indexOf(given.get(name)) : other);
  const state = { ...fresh(run, known("channel", run.drawn)), over: known("over", null), z: null };
  state.covariates = readCovariates(given.get("covariates"), run);
  const z = numbers(given.get("z") ?? "");
  if (given.has("z") && sound(z, run.centre.length)) state.z = z;
  if (given.has("from")) state.from = given.get("from");
  if (given.get("axes") === "raw") state.axes = "raw";
  if (given.get("sort") === "number") state.sort = "number";
  const at = numbers(given.get("at") ?? "");
  if (sound(at, run.shape.length)) state.at = at.map((index, axis) => clamp(Math.round(index), 0, run.shape[axis] - 1));
  for (const key of ["level", "width", "opacity", "blend"]) {
    const value = Number(given.get(key) ?? NaN);
    if (Number.isFinite(value)) state[key] = value;
  }
  for (const key of ["opacity", "blend"]) state[key] = clamp(state[key], 0, 1);
  state.smooth = given.get("smooth") !== "no";
  return state;
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
