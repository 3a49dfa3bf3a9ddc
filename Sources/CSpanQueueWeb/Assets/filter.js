// What is looked for among jobs, and how it is written.

/** What can be asked for once, apart from the state; and tags. */
export const single = ["queue", "type", "error", "fingerprint", "id", "since", "until"];
export const members = ["state", ...single, "tag"];

/** What is asked for, from the address. */
export const filterOf = (query) => ({ ...Object.fromEntries(["state", ...single].map((name) => [name, query.get(name) ?? ""])), tag: query.getAll("tag") });

/**
 * Adds words such as `state:dead`, `type:charge:*` and `error:"disk full"` to a filter; a word without a name is a type. Quotes hold words
 * together.
 */
export function refine(filter, text) {
  const result = { ...filter, tag: [...filter.tag] };
  for (const [word] of text.matchAll(/(?:[^\s"]|"[^"]*(?:"|$))+/g)) {
    const name = members.find((member) => word.startsWith(`${member}:`));
    const value = (name ? word.slice(name.length + 1) : word).replaceAll('"', "");
    if (name === "tag") result.tag.push(value);
    else result[name ?? "type"] = value;
  }
  return result;
}

/** Whether a text is an id rather than words to look for. */
export const isID = (text) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text);
