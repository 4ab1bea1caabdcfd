// Downloads: a PNG of the planes with a caption, and NIfTI volumes from the server.

import * as api from "./api.js";

const [SIDE, GAP, CAPTION] = [384, 8, 84];

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// `lines` are the caption below the planes; the first is the name of the data.
export async function png(views, lines, name) {
  const boxes = views.planes.map(({ canvas }) => {
    const { width, height } = canvas.getBoundingClientRect();
    return [SIDE, Math.round((SIDE * height) / width)];
  });
  const canvas = document.createElement("canvas");
  canvas.width = boxes.length * (SIDE + GAP) + GAP;
  canvas.height = Math.max(...boxes.map(([, height]) => height)) + 2 * GAP + CAPTION;
  const context = canvas.getContext("2d");
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = views.state.smooth;
  views.planes.forEach((plane, index) => {
    const left = GAP + index * (SIDE + GAP);
    context.drawImage(plane.canvas, left, GAP, ...boxes[index]);
    context.fillStyle = "#ccc";
    context.font = "13px system-ui, sans-serif";
    if (plane.edges.length) context.fillText(`${plane.caption.textContent}, ${plane.edges[0]} on the left`, left + 6, GAP + 18);
  });
  lines.forEach((line, row) => {
    context.fillStyle = row === 0 ? "#fff" : "#bbb";
    context.font = `${row === 0 ? "600 14px" : "13px"} system-ui, sans-serif`;
    context.fillText(line, GAP + 6, canvas.height - CAPTION + 18 + row * 19, canvas.width - 3 * GAP);
  });
  download(await new Promise((done) => canvas.toBlob(done, "image/png")), `${name}.png`);
}

export async function nifti({ z, covariates }, channel, name) {
  download(await api.nifti(z, covariates, channel), `${name}_${channel}.nii.gz`);
}
