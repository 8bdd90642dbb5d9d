/** The picture: candles, lines and volume on lightweight-charts. */

import { DOWN, UP, faded, overlayStyle } from './colors.js';
import { volumeText } from './numbers.js';
import { tickText, timeText } from './times.js';
import { firstView, keptView, seenView } from './view.js';

const VOLUME_SHARE = 0.2;
const AXIS_HEIGHT = 28;
const LEGEND_GAP = 10;
const MOST_LEGEND = 0.4;

/**
 * A chart inside `element`, empty until `show`.
 *
 * @param {object} library lightweight-charts
 * @param {HTMLElement} element
 * @param {(index: number|null) => void} onHover told which bar is under the crosshair
 */
export function createDrawing(library, element, onHover) {
  const chart = library.createChart(element, fixedOptions(library));
  let drawn = { model: null, series: [], candles: null };
  let indexes = new Map();
  let untouched = null;

  chart.subscribeCrosshairMove(({ time }) => onHover(indexes.get(time) ?? null));
  chart.subscribeDblClick(() => fit());
  element.addEventListener('wheel', leavePageScrolling, { capture: true, passive: true });

  function fit() {
    untouched = firstView(drawn.model.bars.length, chart.timeScale().width());
    chart.timeScale().setVisibleLogicalRange(untouched);
  }

  return {
    /** Draw a model of `candles`, at the part that was looked at before (`seen`) if there is one. */
    show(model, price, colors, seen) {
      drawn.series.forEach(series => chart.removeSeries(series));
      indexes = new Map(model.bars.map((bar, index) => [bar.time, index]));
      const instant = time => model.bars[indexes.get(time)]?.instant ?? time;
      const seconds = model.bars.some(bar => bar.instant % 60 !== 0);
      chart.applyOptions(themeOptions(colors));
      chart.applyOptions({
        localization: { timeFormatter: time => timeText(instant(time), model.scale) },
        timeScale: {
          timeVisible: !model.scale.daily,
          secondsVisible: seconds,
          tickMarkMaxCharacterLength: seconds ? 8 : 6,
          tickMarkFormatter: (time, kind) => tickText(instant(time), kind, model.scale),
        },
      });
      drawn = { model, ...addSeries(library, chart, model, price) };
      untouched = null;
      if (seen) chart.timeScale().setVisibleLogicalRange(keptView(seen, model.bars));
      else fit();
    },
    /** Take a new size in pixels, and leave room above the candles for a legend of this height. */
    resize(width, height, legendHeight) {
      chart.resize(width, height);
      const share = drawn.model?.hasVolume ? 1 - VOLUME_SHARE : 1;
      const top = (legendHeight + LEGEND_GAP) / (share * Math.max(1, height - AXIS_HEIGHT));
      const scaleMargins = { top: Math.min(MOST_LEGEND, top), bottom: 0.06 };
      drawn.candles?.priceScale().applyOptions({ scaleMargins });
    },
    /** The part of the bars that the user chose to look at, for `show`; null if none. */
    seen: () => seenView(chart.timeScale().getVisibleLogicalRange(), untouched, drawn.model.bars),
    remove() {
      element.removeEventListener('wheel', leavePageScrolling, { capture: true });
      chart.remove();
    },
  };
}

/** The wheel scrolls the dashboard; with Ctrl, or sideways, it is the chart's. */
function leavePageScrolling(event) {
  const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
  if (!event.ctrlKey && !event.metaKey && !sideways) event.stopPropagation();
}

function fixedOptions({ CrosshairMode }) {
  return {
    crosshair: { mode: CrosshairMode.Normal },
    layout: { attributionLogo: true },
    timeScale: {
      fixLeftEdge: true,
      lockVisibleTimeRangeOnResize: true,
      minBarSpacing: 0.05,
      rightOffset: 1,
    },
  };
}

function themeOptions(colors) {
  const line = { color: colors.crosshair, labelBackgroundColor: colors.crosshairLabel };
  return {
    layout: {
      background: { color: colors.background },
      textColor: colors.muted,
      fontFamily: colors.fontFamily,
      panes: { separatorColor: colors.border, separatorHoverColor: colors.grid },
    },
    grid: { vertLines: { color: colors.grid }, horzLines: { color: colors.grid } },
    crosshair: { vertLine: line, horzLine: line },
    rightPriceScale: { borderColor: colors.border },
    timeScale: { borderColor: colors.border },
  };
}

function addSeries(library, chart, model, price) {
  const { CandlestickSeries, HistogramSeries, LineSeries } = library;
  const priceFormat = { type: 'custom', formatter: price.text, minMove: 10 ** -price.decimals };
  const candles = chart.addSeries(CandlestickSeries, {
    upColor: UP,
    downColor: DOWN,
    wickUpColor: UP,
    wickDownColor: DOWN,
    borderVisible: false,
    priceFormat,
  });
  candles.setData(model.bars);
  const lines = model.overlays.map((_name, number) => {
    const line = chart.addSeries(LineSeries, {
      ...overlayStyle(number),
      lineWidth: 2,
      priceFormat,
      priceLineVisible: false,
      lastValueVisible: false,
      crosshairMarkerVisible: false,
    });
    line.setData(values(model.bars, bar => bar.overlays[number]));
    return line;
  });
  const series = [candles, ...lines];
  if (model.hasVolume) series.push(addVolume(HistogramSeries, chart, model.bars));
  return { series, candles };
}

function addVolume(HistogramSeries, chart, bars) {
  const volume = chart.addSeries(
    HistogramSeries,
    {
      priceFormat: { type: 'custom', formatter: volumeText, minMove: 1 },
      priceLineVisible: false,
      lastValueVisible: false,
    },
    1,
  );
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0 } });
  volume.setData(
    values(bars, bar => bar.volume).map((point, index) => ({
      ...point,
      color: faded(bars[index].close >= bars[index].open ? UP : DOWN, 0.55),
    })),
  );
  const [above, below] = chart.panes();
  above.setStretchFactor(1 - VOLUME_SHARE);
  below.setStretchFactor(VOLUME_SHARE);
  return volume;
}

/** Points of one value per bar; a point without a value is a hole. */
function values(bars, valueOf) {
  return bars.map(bar => {
    const value = valueOf(bar);
    return value === null ? { time: bar.time } : { time: bar.time, value };
  });
}
