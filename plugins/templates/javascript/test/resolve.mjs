const relay = new URL("./relay.mjs", import.meta.url).href;

export async function resolve(specifier, context, next) {
  if (specifier === "mm4:relay") {
    return { url: relay, shortCircuit: true };
  }
  const found = /^mm4:filter\/([a-z]+)@/.exec(specifier);
  return found ? { url: `mm4:${found[1]}`, shortCircuit: true } : next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.startsWith("mm4:")) {
    return next(url, context);
  }
  const name = url.slice("mm4:".length);
  const { interfaces } = await import(relay);
  const exported = Object.keys(interfaces[name] ?? {});
  const lines = exported.map((item) =>
    item === "delete" ? `export { _delete as delete }; const _delete = it.delete;` : `export const ${item} = it.${item};`,
  );
  const source = [`import { interfaces } from ${JSON.stringify(relay)};`, `const it = interfaces[${JSON.stringify(name)}];`];
  return { format: "module", shortCircuit: true, source: [...source, ...lines].join("\n") };
}
