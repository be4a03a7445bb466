// The stand-ins for hardware of tests/stand_ins, for a server: what they are told lies beside them and holds at once.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { binary } from './server.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, 'target');

/** The plugin; `cargo test` has built it, as a rule. */
function library() {
  const known = [path.dirname(binary), path.join(target, 'debug')].map(folder => path.join(folder, 'examples', 'libstand_ins.so'));
  const found = () => known.find(file => fs.existsSync(file));
  if (!found()) execFileSync('cargo', ['build', '--locked', '--quiet', '--example', 'stand_ins'], { cwd: root, stdio: 'inherit' });
  return found();
}

/**
 * NVIDIA's elements in `home` once they are installed, with a profile that takes any machine for one that has the card.
 * `environment` is the server's.
 */
export function standIns(home) {
  const plugins = path.join(home, 'plugins'), config = path.join(home, 'config'), profiles = path.join(config, 'millrace', 'pipelines');
  [plugins, profiles].forEach(folder => { fs.mkdirSync(folder, { recursive: true }); });
  const shipped = fs.readFileSync(path.join(root, 'pipelines', 'nvidia.toml'), 'utf8');
  fs.writeFileSync(path.join(profiles, 'nvidia.toml'), shipped.replace(/^devices = .*$/m, 'devices = ["/dev/null"]'));
  const order = faults => {
    const lines = Object.entries(faults).map(([element, fault]) => `${element} = ${fault}\n`);
    fs.writeFileSync(path.join(plugins, 'new'), `[faults]\n${lines.join('')}`);
    fs.renameSync(path.join(plugins, 'new'), path.join(plugins, 'orders.toml'));
  };
  order({});
  return {
    environment: { GST_PLUGIN_PATH: plugins, XDG_CONFIG_HOME: config },
    /** The driver is there from now on. */
    install() {
      fs.copyFileSync(library(), path.join(plugins, 'libgstnvcodec.so'));
    },
    /** From now on: element → what it does, in TOML; everything else works. */
    order,
    /** So many encoders at once. */
    limit(count) {
      fs.mkdirSync(path.join(plugins, 'sessions'));
      for (let n = 0; n < count; n++) fs.writeFileSync(path.join(plugins, 'sessions', String(n)), '');
    },
  };
}
