"use strict";

const element = (name, text, attributes = {}) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
};
const place = (id) => document.getElementById(id);
const shown = (value) => JSON.stringify(value, null, 2);

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
  const headers = session.headers();
  let target = path;
  inputs.filter(({ input }) => input.value !== "").forEach(({ parameter, input }) => {
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    if (parameter.in === "query") query.append(parameter.name, input.value);
    if (parameter.in === "header") headers[parameter.name] = input.value;
  });
  if (body) headers["Content-Type"] = "application/json";
  const address = query.size ? `${target}?${query}` : target;
  const response = await fetch(address, { method: method.toUpperCase(), headers, body: body || undefined });
  const text = await response.text();
  let answer = text;
  try { answer = shown(JSON.parse(text)); } catch { /* not JSON: shown as it is */ }
  return `${response.status} ${response.statusText}\n\n${answer.slice(0, 100000)}`;
};

const sender = (path, method, inputs, body, details) => {
  const button = details.appendChild(element("button", words.of("send"), { type: "button", class: "send" }));
  const result = details.appendChild(element("pre", "", { class: "result" }));
  button.addEventListener("click", async () => {
    result.textContent = "…";
    result.textContent = await call(path, method, inputs, body && body.value).catch((error) => String(error));
  });
};

const answers = (operation, api, details) => {
  details.appendChild(element("h3", words.of("answers")));
  Object.entries(operation.responses || {}).forEach(([status, given]) => {
    const response = given.$ref ? api.components.responses[given.$ref.split("/").pop()] : given;
    const inner = details.appendChild(element("details"));
    inner.appendChild(element("summary", `${status}: ${response.description || ""}`));
    Object.entries(response.content || {}).forEach(([type, content]) => {
      inner.appendChild(element("p", type));
      if (content.example !== undefined) inner.appendChild(element("pre", shown(content.example)));
      if (content.schema) inner.appendChild(element("pre", shown(resolved(content.schema, api.components.schemas || {}))));
    });
  });
};

const fill = (details, path, method, operation, shared, api) => {
  if (operation.description) details.appendChild(element("p", operation.description));
  const inputs = [];
  details.appendChild(parameterTable([...(shared || []), ...(operation.parameters || [])], inputs));
  const json = operation.requestBody && operation.requestBody.content["application/json"];
  let body = null;
  if (json) {
    body = details.appendChild(element("textarea", json.example === undefined ? "{}" : shown(json.example), { "aria-label": words.of("body") }));
    details.appendChild(element("pre", shown(resolved(json.schema, api.components.schemas || {}))));
  }
  sender(path, method, inputs, body, details);
  answers(operation, api, details);
};

const operationDetails = (path, method, operation, shared, api) => {
  const details = element("details", undefined, { class: `operation ${method}` });
  const summary = details.appendChild(element("summary"));
  summary.appendChild(element("b", method.toUpperCase()));
  summary.appendChild(element("code", path));
  summary.appendChild(element("span", ` ${operation.summary || ""}`));
  const roles = operation["x-roles"] ? operation["x-roles"].join(", ") : words.of("anyone");
  summary.appendChild(element("span", roles, { class: "roles" }));
  details.addEventListener("toggle", () => {
    if (details.childElementCount === 1) fill(details, path, method, operation, shared, api);
  });
  return details;
};

const render = (api) => {
  const groups = new Map();
  Object.entries(api.paths).forEach(([path, item]) =>
    Object.entries(item).filter(([method]) => method !== "parameters").forEach(([method, operation]) => {
      const tag = operation.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operationDetails(path, method, operation, item.parameters, api));
    }));
  place("description").textContent = api.info.description;
  const main = place("operations");
  main.replaceChildren();
  [...groups.keys()].sort().forEach((tag) => {
    const section = main.appendChild(element("section"));
    section.appendChild(element("h2", tag));
    groups.get(tag).forEach((details) => section.appendChild(details));
  });
  search();
};

const search = () => {
  const wanted = place("search").value.toLowerCase();
  document.querySelectorAll("details.operation").forEach((details) => {
    details.hidden = !details.firstChild.textContent.toLowerCase().includes(wanted);
  });
};

const load = async () => {
  place("operations").replaceChildren(element("p", words.of("loading")));
  try {
    const response = await fetch("/openapi.json", { headers: session.headers() });
    if (!response.ok) throw new Error(String(response.status));
    render(await response.json());
  } catch (error) {
    place("operations").textContent = `${words.of("noPage")}: ${error.message}`;
  }
};

const notice = (text) => { place("notice").textContent = text; };

session.changed = (why) => {
  place("login").hidden = Boolean(session.access);
  place("session").hidden = !session.access;
  place("who").textContent = session.access ? `${words.of("loggedIn")} ${place("email").value}` : "";
  notice(why === "ended" ? words.of("ended") : "");
  load();
};

place("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const password = place("password").value;
  place("password").value = "";
  try {
    await session.login(place("email").value, password);
  } catch (error) {
    notice(error instanceof TypeError ? words.of("unreachable") : `${words.of("refused")}: ${error.message}`);
  }
});
place("logout").addEventListener("click", session.logout);
place("search").addEventListener("input", search);
document.querySelectorAll("[data-language]").forEach((button) => {
  button.addEventListener("click", () => { words.use(button.dataset.language); load(); });
});
words.use(words.preferred());
load();
