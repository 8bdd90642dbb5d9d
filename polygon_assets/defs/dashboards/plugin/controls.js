/** The panel in Explore. */

import { PRICES } from './fields.js';

/**
 * Defaults are functions of a control and Explore's state; dashboards call them with null for it.
 *
 * @param {object} shared Superset's shared controls, by name
 */
export function controlPanel(shared) {
  return {
    controlPanelSections: [
      {
        label: 'Query',
        expanded: true,
        controlSetRows: [
          [timeColumn(shared)],
          ['time_grain_sqla'],
          ...PRICES.map(price => [metric(shared, price)]),
          [volume(shared)],
          [overlays(shared)],
          [symbolColumn(shared)],
          ['adhoc_filters'],
          ['row_limit'],
        ],
      },
      {
        label: 'Chart options',
        expanded: true,
        controlSetRows: [[timeZone], [priceFormat(shared)]],
      },
    ],
  };
}

function timeColumn(shared) {
  return {
    name: 'x_axis',
    config: { ...shared.x_axis, default: (_, state) => state?.datasource?.main_dttm_col ?? null },
  };
}

/** Filled in where the dataset has a saved metric of that name. */
function metric(shared, name) {
  return {
    name,
    config: {
      ...shared.metric,
      label: name[0].toUpperCase() + name.slice(1),
      description: `The ${name} of a bar. Of several rows per bar, open and close need the first
        and the last one (argMin and argMax of the time), not MIN and MAX.`,
      default: ({ savedMetrics }) =>
        savedMetrics?.find(saved => saved.metric_name === name)?.metric_name ?? null,
    },
  };
}

function volume(shared) {
  const { config } = metric(shared, 'volume');
  return {
    name: 'volume',
    config: {
      ...config,
      description: 'Drawn as bars below the candles.',
      validators: [],
      default: onlyWhenNew(config.default),
    },
  };
}

/** A saved chart in which an optional field was cleared keeps it so. */
function onlyWhenNew(choice) {
  return (control, state) => (state?.form_data?.slice_id ? null : choice(control, state));
}

function overlays(shared) {
  return {
    name: 'overlays',
    config: {
      ...shared.metrics,
      label: 'Lines over the candles',
      description: 'Prices such as a moving average or a VWAP that the database computed.',
      validators: [],
      default: [],
    },
  };
}

function symbolColumn(shared) {
  return {
    name: 'symbol_column',
    config: {
      ...shared.groupby,
      label: 'Symbol column',
      description: `Names the symbol above the candles, and says so when a selection holds several.
        Without it, the bars of several symbols are merged into one.`,
      multi: false,
      validators: [],
      default: onlyWhenNew(symbolOf),
    },
  };
}

function symbolOf(_, state) {
  const columns = state?.datasource?.columns ?? [];
  return columns.some(column => column.column_name === 'symbol') ? 'symbol' : null;
}

const timeZone = {
  name: 'time_zone',
  config: {
    type: 'SelectControl',
    label: 'Time zone',
    description: 'Of the times on the axis. Bars of a day or longer keep their date.',
    choices: [
      ['America/New_York', 'New York'],
      ['UTC', 'UTC'],
    ],
    clearable: false,
    renderTrigger: true,
    default: 'America/New_York',
  },
};

function priceFormat(shared) {
  return {
    name: 'y_axis_format',
    config: {
      ...shared.y_axis_format,
      label: 'Price format',
      description: 'A d3 format. "Adaptive formatting" shows cents, or more digits below a dollar.',
      default: 'SMART_NUMBER',
      renderTrigger: true,
    },
  };
}
