"use strict";

const element = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
};

/* A schema with its references put in place, down to a depth that can still be read. */
const resolved = (schema, schemas, depth = 0) => {
  if (!schema || typeof schema !== "object") return schema;
  if (Array.isArray(schema)) return schema.map((part) => resolved(part, schemas, depth));
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return depth > 4 ? name : resolved(schemas[name], schemas, depth + 1);
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, resolved(value, schemas, depth)]));
};

const parameterTable = (parameters, inputs) => {
  const table = element("table");
  parameters.forEach((parameter) => {
    const row = table.appendChild(element("tr"));
    row.appendChild(element("th", parameter.name + (parameter.required ? " *" : "")));
    const input = element("input", undefined, { "aria-label": parameter.name });
    inputs.push({ parameter, input });
    row.appendChild(element("td")).appendChild(input);
    row.appendChild(element("td", `${parameter.in}. ${parameter.description || ""}`));
  });
  return table;
};

const call = async (path, method, inputs, body) => {
  const query = new URLSearchParams();
  const headers = {};
  let target = path;
  inputs.filter(({ input }) => input.value !== "").forEach(({ parameter, input }) => {
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    if (parameter.in === "query") query.append(parameter.name, input.value);
    if (parameter.in === "header") headers[parameter.name] = input.value;
  });
  const token = document.getElementById("token").value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  const address = query.size ? `${target}?${query}` : target;
  const response = await fetch(address, { method: method.toUpperCase(), headers, body: body || undefined });
  const text = await response.text();
  let shown = text;
  try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it is */ }
  return `${response.status} ${response.statusText}\n\n${shown.slice(0, 100000)}`;
};

const operationDetails = (path, method, operation, shared, schemas) => {
  const details = element("details", undefined, { class: method });
  const summary = details.appendChild(element("summary"));
  summary.appendChild(element("b", method.toUpperCase()));
  summary.appendChild(element("code", path));
  summary.appendChild(element("span", ` ${operation.summary || ""}`));
  summary.appendChild(element("span", operation["x-roles"] ? operation["x-roles"].join(", ") : "anyone", { class: "roles" }));
  details.addEventListener("toggle", () => {
    if (details.childElementCount > 1) return;
    if (operation.description) details.appendChild(element("p", operation.description));
    const inputs = [];
    details.appendChild(parameterTable([...(shared || []), ...(operation.parameters || [])], inputs));
    const content = operation.requestBody && operation.requestBody.content;
    const json = content && content["application/json"];
    const body = json ? details.appendChild(element("textarea", "{}", { "aria-label": "body" })) : null;
    if (json) details.appendChild(element("pre", JSON.stringify(resolved(json.schema, schemas), null, 2)));
    const button = details.appendChild(element("button", "Send"));
    const result = details.appendChild(element("pre", ""));
    button.addEventListener("click", async () => {
      result.textContent = "…";
      result.textContent = await call(path, method, inputs, body && body.value).catch((error) => String(error));
    });
    Object.entries(operation.responses || {}).forEach(([status, response]) => {
      const answer = response.content && response.content["application/json"];
      details.appendChild(element("p", `${status}: ${response.description}`));
      if (answer) details.appendChild(element("pre", JSON.stringify(resolved(answer.schema, schemas), null, 2)));
    });
  });
  return details;
};

const render = (api) => {
  const groups = new Map();
  Object.entries(api.paths).forEach(([path, item]) =>
    Object.entries(item).filter(([method]) => method !== "parameters").forEach(([method, operation]) => {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operationDetails(path, method, operation, item.parameters, api.components.schemas));
    }));
  document.getElementById("description").textContent = api.info.description;
  const main = document.getElementById("operations");
  main.replaceChildren();
  [...groups.keys()].sort().forEach((tag) => {
    const section = main.appendChild(element("section"));
    section.appendChild(element("h2", tag));
    groups.get(tag).forEach((details) => section.appendChild(details));
  });
};

document.getElementById("search").addEventListener("input", (event) => {
  const wanted = event.target.value.toLowerCase();
  document.querySelectorAll("details").forEach((details) => {
    details.hidden = !details.firstChild.textContent.toLowerCase().includes(wanted);
  });
});

fetch("/openapi.json")
  .then((response) => response.json())
  .then(render)
  .catch((error) => { document.getElementById("operations").textContent = `The description cannot be read: ${error}`; });
