/**
 * Loads the chart as Superset does, on stand-ins for the modules that Superset publishes, and sends
 * what it shows to the server of the test.
 */

import { FORM, row, rows } from './samples.js';

const { React, ReactDOM } = window;
const stage = document.querySelector('#stage');
const errors = [];
let plugin;
let key;

window.addEventListener('error', event => errors.push(String(event.message)));
window.addEventListener('unhandledrejection', event => errors.push(String(event.reason)));
document.addEventListener('securitypolicyviolation', event => errors.push(event.blockedURI));
console.error = (...words) => errors.push(words.join(' '));

class ChartPlugin {
  constructor(parts) {
    plugin = parts;
  }

  configure(options) {
    key = options.key;
    return this;
  }

  register() {}
}

const core = {
  Behavior: { DrillToDetail: 'DRILL_TO_DETAIL' },
  ChartMetadata: class {
    constructor(fields) {
      Object.assign(this, fields);
    }
  },
  ChartPlugin,
  buildQueryContext: (_form, build) => ({ queries: build({ filters: [], row_limit: 1000 }) }),
  getNumberFormatter: format => value => `${format} ${value}`,
};
const sharedControls = { x_axis: {}, metric: {}, metrics: {}, groupby: {}, y_axis_format: {} };
Object.assign(window, {
  '__superset__/react': React,
  '__superset__/@superset-ui/core': core,
  '__superset__/@superset-ui/chart-controls': { sharedControls },
});

const frames = async count => {
  for (let number = 0; number < count; number += 1) {
    await new Promise(resolve => requestAnimationFrame(resolve));
  }
};

/** Show a chart as Superset would, and give it time to draw. */
async function show(data, { form = {}, size = [900, 500], theme, datasource, hooks } = {}) {
  const props = plugin.transformProps({
    width: size[0],
    height: size[1],
    rawFormData: { ...FORM, ...form },
    queriesData: [{ data }],
    datasource,
    hooks,
    theme,
  });
  ReactDOM.render(React.createElement(plugin.Chart, props), stage);
  await frames(4);
}

const hide = () => ReactDOM.unmountComponentAtNode(stage);
const legend = () => [...stage.querySelectorAll('.candlestick-legend > span')].map(textOf);
const message = () => [...stage.querySelectorAll('.candlestick-message > div')].map(textOf);
const textOf = node => node.textContent;

/** A mouse event at a share of the stage's width, a third down. */
async function mouse(type, share, more = {}) {
  const box = stage.firstElementChild.getBoundingClientRect();
  const [clientX, clientY] = [box.left + box.width * share, box.top + box.height / 3];
  const target = document.elementFromPoint(clientX, clientY);
  const Kind = type === 'wheel' ? WheelEvent : MouseEvent;
  target.dispatchEvent(
    new Kind(type, { clientX, clientY, bubbles: true, cancelable: true, view: window, ...more }),
  );
  await frames(4);
}

/** The time of the bar at a share of the width, as the legend tells it. */
async function timeAt(share) {
  await mouse('mouseenter', share);
  await mouse('mousemove', share);
  return legend()[0];
}

/** The colours on all canvases, with how many pixels they have. */
function pixels() {
  const count = {};
  for (const canvas of stage.querySelectorAll('canvas')) {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] !== 255) continue;
      const hex = [0, 1, 2].map(part => data[at + part].toString(16).padStart(2, '0')).join('');
      count[`#${hex}`] = (count[`#${hex}`] ?? 0) + 1;
    }
  }
  return count;
}

const MORNING = rows('2026-07-02T13:30:00Z', 78, 5, { volume: 1500, sma: 120, symbol: 'NVDA' });
const FULL = {
  time_grain_sqla: 'PT5M',
  volume: 'volume',
  overlays: ['sma'],
  symbol_column: 'symbol',
};

const SCENES = {
  async intraday() {
    const datasource = { verboseMap: { sma: 'SMA 20' } };
    await show(MORNING, { form: FULL, datasource });
    const atRest = legend();
    const hovered = [await timeAt(0.1), legend()];
    await mouse('mouseleave', 0.1);
    const name = stage.querySelector('[role=img]').ariaLabel;
    const logo = stage.querySelector('#tv-attr-logo')?.href;
    return { atRest, hovered, atLast: legend(), pixels: pixels(), name, logo };
  },
  async daily() {
    const days = [row('2026-03-06T00:00:00Z'), row('2026-03-09T00:00:00Z', 0.4)];
    await show(days, { form: { time_grain_sqla: 'P1D' } });
    return legend();
  },
  async format() {
    await show(MORNING, { form: { y_axis_format: ',.3f' } });
    return legend();
  },
  async empty() {
    await show([]);
    return message();
  },
  async several() {
    await show([...MORNING, ...MORNING], { form: FULL });
    return message();
  },
  async incomplete() {
    await show(MORNING, { form: { open: null, overlays: ['sma'] } });
    return message();
  },
  async absent() {
    await show(MORNING, { form: { overlays: ['sma_99'] } });
    return message();
  },
  async recovers() {
    await show([]);
    await show(MORNING);
    return legend();
  },
  async hostile() {
    const symbol = '<img src=x onerror=window.owned=1>';
    const label = '<b>line</b>';
    await show([row('2026-07-02T13:30:00Z', 1, { symbol, [label]: 1 })], {
      form: { symbol_column: 'symbol', overlays: [label] },
    });
    const elements = stage.querySelectorAll('img, b').length;
    return { legend: legend(), elements, owned: window.owned ?? null };
  },
  async dark() {
    const theme = { colorBgContainer: '#141414', colorText: '#fafafa' };
    await show(MORNING, { form: FULL, theme });
    const first = stage.querySelector('.candlestick-legend > span');
    return { text: getComputedStyle(first).color, pixels: pixels() };
  },
  async zoom() {
    await show(MORNING);
    const all = await timeAt(0.3);
    await mouse('wheel', 0.9, { deltaY: -300 });
    const afterWheel = await timeAt(0.3);
    for (let turn = 0; turn < 8; turn += 1) {
      await mouse('wheel', 0.9, { deltaY: -300, ctrlKey: true });
    }
    const zoomed = await timeAt(0.3);
    await show(MORNING, { size: [700, 400] });
    const resized = await timeAt(0.3);
    hide();
    await show(MORNING, { size: [700, 400] });
    const refreshed = await timeAt(0.3);
    hide();
    await show(MORNING, { form: { slice_id: 2 } });
    const other = await timeAt(0.3);
    return { all, afterWheel, zoomed, resized, refreshed, other };
  },
  async menu() {
    const calls = [];
    const hooks = { onContextMenu: (_x, _y, filters) => calls.push(filters) };
    await show(MORNING, { form: FULL, hooks });
    await timeAt(0.001);
    await mouse('contextmenu', 0.001);
    return calls;
  },
  async registration() {
    const { metadata, buildQuery, controlPanel } = plugin;
    const controls = controlPanel.controlPanelSections
      .flatMap(section => section.controlSetRows.flat())
      .map(control => control.name ?? control);
    return { key, metadata, controls, metrics: buildQuery(FORM).queries[0].metrics };
  },
};

async function run() {
  await import('/plugin/candlestick.js');
  const results = {};
  for (const [name, scene] of Object.entries(SCENES)) {
    hide();
    results[name] = await scene();
  }
  hide();
  return results;
}

run()
  .catch(error => errors.push(String(error.stack ?? error)))
  .then(results => {
    const body = JSON.stringify({ results: results ?? {}, errors });
    return fetch('/report', { method: 'POST', body });
  });
