// Numbers and intervals as text.

export function ratio(value) {
  if (!Number.isFinite(value)) return "∞";
  if (value >= 1000 || value < 0.01) return value.toExponential(1).replace("e", " e");
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

export const signed = (value, digits = 2) =>
  `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`.replace(/^[−+](0\.?0*)$/, "$1");

export const plain = (value, digits = 3) => String(Number(value.toPrecision(digits)));

export const ml = (value) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ml`;

export const time = (value, unit) => (value === null ? "not reached" : `${plain(value)} ${unit}`);

// An interval; null means that an end is unknown or not reached.
export const range = (low, high) => `${low === null ? "?" : plain(low)} to ${high === null ? "not reached" : plain(high)}`;

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
