// Lets `node --test` find the modules of the contract: each is that of test/relay.mjs.
import { register } from "node:module";

register("./resolve.mjs", import.meta.url);
