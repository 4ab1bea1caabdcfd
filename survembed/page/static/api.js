// Requests to the server. The browser sends the token as a cookie.

export class RequestError extends Error {
  constructor(error) {
    super(error.message);
    this.error = error;
  }
}

async function answer(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new RequestError({ message: "the server has stopped", try: "start survembed explore in the terminal and open the new address" });
  }
  if (!response.ok) {
    const content = await response.json().catch(() => ({ error: { message: `the server responded with status ${response.status}` } }));
    throw new RequestError(content.error);
  }
  return response;
}

const post = (path, value) =>
  answer(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value) });

export const run = async () => (await answer("api/run")).json();
export const subjects = async () => (await answer("api/subjects")).json();
export const subject = async (id) => (await answer(`api/subject/${encodeURIComponent(id)}`)).json();
export const image = async (id) => new Uint8Array(await (await answer(`api/image/${encodeURIComponent(id)}`)).arrayBuffer());
export const nifti = async (z, covariates, channel) => (await post("api/nifti", { z, covariates, channel })).blob();

// A scene: its numbers, and its voxels as one Uint8Array (C, *spatial) in which 255 means 1.
export async function decode(request) {
  const response = await post("api/decode", request);
  const bytes = await response.arrayBuffer();
  const length = new DataView(bytes).getUint32(0, true);
  const numbers = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  return { ...numbers, voxels: new Uint8Array(bytes, 4 + length) };
}

// Sends one request at a time; of the requests made in the meantime only the latest is kept.
export function latest(send, receive, fail) {
  let busy = false;
  let waiting = null;
  return async function ask(request) {
    waiting = request;
    if (busy) return;
    busy = true;
    while (waiting !== null) {
      const current = waiting;
      waiting = null;
      try {
        receive(await send(current), current, waiting === null);
      } catch (error) {
        fail(error);
      }
    }
    busy = false;
  };
}
