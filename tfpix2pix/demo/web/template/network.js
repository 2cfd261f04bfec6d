// The model and what runs it.

/** Files of the folder in one piece; tells of the bytes that come, and compares how many there are. */
async function content(paths, size, tell) {
  const parts = [];
  for (const path of paths) {
    const reader = (await fetched(path)).body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      tell(part.value.length);
    }
  }
  const whole = new Blob(parts);
  if (whole.size !== size) throw new Error(`${paths.join(", ")}: ${whole.size} of ${size} bytes arrived: reload the page, or put the folder on the server again`);
  return new Uint8Array(await whole.arrayBuffer());
}

/** The gzipped binary; some servers unpack what ends in .gz themselves. */
async function unpacked({ file, size, unpackedSize }, tell) {
  const response = await fetched(file);
  const bytes = new Uint8Array(await response.arrayBuffer());
  tell(size);
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const stream = isPacked ? new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")) : new Blob([bytes]).stream();
  const binary = new Uint8Array(await new Response(stream).arrayBuffer());
  if (binary.length !== unpackedSize) throw new Error(`${file} is damaged: put the folder on the server again`);
  return binary;
}

async function load() {
  if (typeof ort === "undefined") throw new Error("runtime/ is not whole on the server: put the whole folder there");
  const { files, size, binary, module } = props.config.model;
  const [shown, total] = [place("loading"), size + binary.size];
  let had = 0;
  const tell = (more) => {
    had += more;
    shown.value = Math.min(1, had / total);
    shown.textContent = `${Math.round(100 * shown.value)} %`;
  };
  place("loading-size").textContent = `(${(total / 1e6).toFixed(0)} MB)`;
  const [wasmBinary, model] = await Promise.all([unpacked(binary, tell), content(files, size, tell)]);
  Object.assign(ort.env.wasm, {
    wasmBinary,
    wasmPaths: { mjs: new URL(module + VERSION, location.href).href },
    // In a thread of its own, so that the page stays at hand; in several where the host lets it.
    proxy: true,
    numThreads: crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1,
  });
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const [height, width] = props.config.size;
  const shape = [1, height, width, props.config.model.input.networkChannels];
  return async (values) => {
    const answers = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", values, shape) });
    return answers[session.outputNames[0]].data;
  };
}

const network = load().catch((error) => {
  throw new Error(`the model cannot be loaded: ${reasonOf(error)}`);
});
// Told at once, not only when something is asked.
network.then(() => say("The model is ready"), (error) => trouble(error.message)).finally(() => place("loading").closest("p").remove());
