// Uploads, examples, and the beginning.

function setUpFiles() {
  const input = made("input", { type: "file", accept: facts.accept, class: "sr-only", tabindex: "-1", "aria-hidden": "true" });
  input.addEventListener("change", () => {
    if (input.files[0]) send(input.files[0]);
    input.value = "";
  });
  const files = place("files");
  files.append(button(facts.words.upload, () => input.click()), input);
  if (facts.drawable) files.append(button("Save the drawing", save));
  const easel = element.querySelector(".easel");
  easel.addEventListener("dragover", (event) => event.preventDefault());
  easel.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
  });
}

async function send(file) {
  if (file.size > facts.mostUploaded) {
    trouble(`${file.name} has ${Math.round(file.size / 2 ** 20)} MiB: expected at most ${facts.mostUploaded / 2 ** 20}`);
    return;
  }
  place("status").textContent = facts.words.uploading;
  try {
    const { path } = await upload(file);
    begun({ kind: "upload", path, name: file.name });
  } catch (error) {
    trouble(`${file.name} ${facts.words.notArrived}`);
  }
}

function save() {
  made("a", { href: canvas.toDataURL("image/png"), download: "drawing.png" }).click();
}

function setUpExamples() {
  place("examples").hidden = !facts.examples.length;
  place("origin").textContent = `From the ${facts.origin}${facts.origin.endsWith("split") ? ", with their targets" : ""}.`;
  facts.examples.forEach(({ name, shown }, index) => {
    const image = made("img", { src: shown, alt: `Example ${name}` });
    place("thumbnails").append(button(image, () => begun({ kind: "example", index }), { class: "example", title: name }));
  });
}

element.querySelector("h1").textContent = facts.title;
place("about").textContent = `Translates ${facts.about}.`;
blank();
remember();
setUpDraws();
setUpFiles();
setUpExamples();
if (facts.drawable) {
  setUpTools();
  setUpPointer();
  setUpKeys();
  place("undo").disabled = place("redo").disabled = true;
  place("status").textContent = "Draw something, upload a picture, or take an example.";
} else {
  for (const id of ["tools", "colours", "help"]) place(id).hidden = true;
  place("at-once").parentElement.hidden = true;
  canvas.removeAttribute("tabindex");
  place("status").textContent = "Upload a picture, or take an example.";
}
