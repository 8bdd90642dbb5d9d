/**
 * "Candlestick" for Superset 6.1.0, without a build of Superset.
 *
 * With the feature flag DYNAMIC_PLUGINS, Superset publishes its own React and front-end packages on
 * `window` and then imports this file, which registers the chart.
 */

import * as library from './lightweight-charts.mjs';
import { candlestickComponent, transformProps } from './chart.js';
import { controlPanel } from './controls.js';
import { candleQuery } from './query.js';
import { thumbnail } from './thumbnail.js';

const KEY = 'polygon_candlestick';

function published(name) {
  const found = window[`__superset__/${name}`];
  if (!found) {
    throw new Error(
      `Superset does not publish ${name}: this chart needs Superset 6.1.0 with the feature flag ` +
        'DYNAMIC_PLUGINS.',
    );
  }
  return found;
}

const { Behavior, ChartMetadata, ChartPlugin, buildQueryContext, getNumberFormatter } =
  published('@superset-ui/core');
const { sharedControls } = published('@superset-ui/chart-controls');

const metadata = new ChartMetadata({
  name: 'Candlestick',
  description:
    'Open, high, low and close of each bar, with volume and lines such as moving averages. ' +
    'Drag to move, Ctrl and wheel to zoom, double-click to see all.',
  category: 'Evolution',
  tags: ['Finance', 'OHLC', 'Stocks', 'Time', 'Trend'],
  thumbnail: thumbnail(),
  behaviors: [Behavior.DrillToDetail],
  credits: ['https://www.tradingview.com/lightweight-charts/'],
});

new ChartPlugin({
  metadata,
  Chart: candlestickComponent(published('react'), library, getNumberFormatter),
  buildQuery: formData => buildQueryContext(formData, base => [candleQuery(formData, base)]),
  controlPanel: controlPanel(sharedControls),
  transformProps,
})
  .configure({ key: KEY })
  .register();
