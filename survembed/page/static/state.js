// What the page shows, and its copy behind the # of the address: a link brings it back, and holds no token.

const short = (number) => String(Number(number.toPrecision(7)));
const numbers = (text) => text.split(",").map(Number);
const sound = (values, count) => values.length === count && values.every(Number.isFinite);

export function fresh(run) {
  const [low, high] = run.channels[0].window;
  return {
    z: [...run.centre],
    from: null,
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
  for (const key of ["axes", "sort"]) if (state[key] !== usual[key]) parts[key] = state[key];
  for (const key of ["level", "width", "opacity"]) if (state[key] !== usual[key]) parts[key] = short(state[key]);
  if (String(state.at) !== String(usual.at)) parts.at = state.at.join(",");
  if (!state.smooth) parts.smooth = "no";
  return `#${new URLSearchParams(parts)}`.replaceAll("%2C", ",");
}

// The state that an address asks for; what makes no sense in it is left out. `z` is null where it is not given.
export function read(hash, run) {
  const asked = new URLSearchParams(hash.slice(1));
  const state = { ...fresh(run), z: null };
  const z = numbers(asked.get("z") ?? "");
  if (asked.has("z") && sound(z, run.centre.length)) state.z = z;
  if (asked.has("from")) state.from = asked.get("from");
  if (asked.get("axes") === "raw") state.axes = "raw";
  if (asked.get("sort") === "number") state.sort = "number";
  const at = numbers(asked.get("at") ?? "");
  if (sound(at, run.shape.length)) state.at = at.map((index, axis) => clamp(Math.round(index), 0, run.shape[axis] - 1));
  for (const key of ["level", "width", "opacity"]) {
    const value = Number(asked.get(key) ?? NaN);
    if (Number.isFinite(value)) state[key] = value;
  }
  state.opacity = clamp(state.opacity, 0, 1);
  state.smooth = asked.get("smooth") !== "no";
  return state;
}

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
