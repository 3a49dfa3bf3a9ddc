// The door: a name and a token for a cookie that no script can read.

import { foreign, h, icon, update } from "./dom.js";
import { path, send } from "./api.js";

const form = document.getElementById("door");
const problem = document.getElementById("problem");

/** Where to go on: a page of ours, and nothing else. */
function next() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  try {
    const address = new URL(wanted, location.origin);
    return address.origin === location.origin && wanted.startsWith("/") ? address.pathname + address.search : "/";
  } catch {
    return "/";
  }
}

// Before this the browser would send the token by itself, and in a way that is not taken.
form.querySelector("button").disabled = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, token } = form.elements;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await send("POST", path(["session"]), { name: name.value.trim(), token: token.value.trim() });
    location.replace(next());
  } catch (error) {
    button.disabled = false;
    token.setAttribute("aria-invalid", "true");
    update(problem, h("p", { class: "note" }, icon("s-dead", "bad"), h("span", {}, foreign(error.message))));
    token.select();
  }
});
