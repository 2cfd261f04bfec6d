// The model and what runs it.

/** A file of the folder in one piece, unpacked if it is packed; tells of the bytes that come. */
async function content(path, tell) {
  const reader = (await fetched(path)).body.getReader();
  const parts = [];
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    tell(part.value.length);
  }
  const whole = new Blob(parts);
  const start = new Uint8Array(await whole.slice(0, 2).arrayBuffer());
  // Some servers unpack what ends in .gz themselves.
  const isPacked = start[0] === 0x1f && start[1] === 0x8b;
  const bytes = isPacked ? new Response(whole.stream().pipeThrough(new DecompressionStream("gzip"))) : whole;
  return new Uint8Array(await bytes.arrayBuffer());
}

async function load() {
  const { runtime, file, bytes } = props.config.model;
  const shown = element.querySelector("[data-id=loading]");
  let had = 0;
  const tell = (more) => {
    had += more;
    shown.textContent = `Loading the model: ${Math.min(100, Math.round((100 * had) / bytes))} % of ${(bytes / 1e6).toFixed(0)} MB`;
  };
  const [binary, model] = await Promise.all([content(`runtime/${runtime.binary}`, tell), content(file, tell)]);
  Object.assign(ort.env.wasm, {
    wasmBinary: binary,
    wasmPaths: { mjs: new URL(`runtime/${runtime.module}`, location.href).href },
    // In a thread of its own, so that the page stays at hand; in several where the host lets it.
    proxy: true,
    numThreads: crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1,
  });
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  shown.remove();
  const [height, width] = props.config.size;
  const shape = [1, height, width, props.config.model.input.networkChannels];
  return async (values) => {
    const answers = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", values, shape) });
    return answers[session.outputNames[0]].data;
  };
}

const network = load().catch((error) => {
  throw new Error(`the model cannot be loaded: ${error.message}`);
});
// Told at once, not only when something is asked.
network.catch((error) => {
  element.querySelector("[data-id=loading]")?.remove();
  trouble(error.message);
});
