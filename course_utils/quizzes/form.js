// Questions as plain HTML forms: radio buttons or a text field, a button, and a place where the reply is read aloud.
// Python judges each answer; where no reply comes, the reader is told and the still version is shown again.

const PATIENCE = 4000; // milliseconds without a reply
// JupyterLab takes keys for itself unless the element that has the focus carries this attribute.
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };
const GONE = "No reply: the kernel has gone or is busy. Run the cell again, or open the answers below.";

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function html(tag, text, attributes) {
  const node = element(tag, attributes);
  node.innerHTML = text; // made by the course's own Python, escaped there
  return node;
}

/** A group of radio buttons with a legend; options are [value, html]. */
function choices(name, legend, options) {
  const labels = options.map(([value, text]) =>
    element("label", {}, element("input", { type: "radio", name, value, required: "", ...OWN_KEYS }), html("span", text)));
  return element("fieldset", {}, html("legend", legend), ...labels);
}

function number(name, legend) {
  const attributes = { type: "text", inputmode: "decimal", name, required: "", autocomplete: "off", size: 12 };
  const field = element("input", { ...attributes, ...OWN_KEYS });
  const label = element("label", {}, element("span", {}, "Your number: "), field);
  return element("fieldset", {}, html("legend", legend), label);
}

function form(item, model) {
  const unique = `${model.model_id ?? "form"}-${Math.random().toString(36).slice(2)}`;
  const legend = `${item.number ? `<b>${item.number}.</b> ` : ""}${item.text}`;
  const options = item.options.map((text, place) => [place, text]);
  const parts = [item.options.length ? choices(`${unique}-answer`, legend, options) : number(`${unique}-answer`, legend)];
  if (item.confidence.length) parts.push(choices(`${unique}-confidence`, "How sure are you?", item.confidence));
  const reply = element("div", { role: "status" });
  const button = element("button", { type: "submit", "aria-label": `${item.button}: ${item.label}`, ...OWN_KEYS }, item.button);
  const node = element("form", {}, ...parts, button, reply);

  node.addEventListener("keydown", (event) => { // in JupyterLab, Enter does not submit a form by itself
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    node.requestSubmit();
  });
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    const data = new FormData(node);
    const confidence = data.get(`${unique}-confidence`);
    reply.replaceChildren();
    clearTimeout(node.timer);
    node.timer = setTimeout(() => node.dispatchEvent(new Event("silence")), PATIENCE);
    // Last, because it throws where the kernel has been restarted.
    model.send({ slug: item.slug, answer: data.get(`${unique}-answer`), confidence: confidence && Number(confidence) });
  });
  node.show = (text) => {
    clearTimeout(node.timer);
    reply.innerHTML = text;
  };
  if (model.get("replies")[item.slug]) node.show(model.get("replies")[item.slug]);
  return node;
}

function render({ model, el }) {
  const still = element("style", {}, `#${model.get("still")} { display: none }`); // gone with this view
  const forms = Object.fromEntries(model.get("items").map((item) => [item.slug, form(item, model)]));
  for (const node of Object.values(forms))
    node.addEventListener("silence", () => {
      node.show(GONE);
      still.remove();
    });
  const receive = ({ slug, reply }) => forms[slug]?.show(reply);
  model.on("msg:custom", receive);
  el.append(element("div", { class: "course-form" }, still, ...Object.values(forms)));
  return () => {
    model.off("msg:custom", receive);
    for (const node of Object.values(forms)) clearTimeout(node.timer);
  };
}

export default { render };
