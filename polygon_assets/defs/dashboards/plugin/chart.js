/** The React component, and what Superset's props become for it. */

import { candles } from './bars.js';
import { themeColors } from './colors.js';
import { createDrawing } from './drawing.js';
import { chartFields } from './fields.js';
import { legendParts } from './legend.js';
import { decimalsOf, priceWriter } from './numbers.js';
import { timeText } from './times.js';
import { rememberedViews } from './view.js';

const AXIS_WIDTH = 76;
const AUTOMATIC = [null, 'SMART_NUMBER'];

export function transformProps(chartProps) {
  const {
    width,
    height,
    rawFormData: formData,
    queriesData,
    theme,
    hooks,
    datasource,
  } = chartProps;
  return {
    width,
    height,
    rows: queriesData[0]?.data ?? [],
    fields: chartFields(formData),
    colors: themeColors(theme),
    names: datasource?.verboseMap ?? {},
    selection: selection(formData),
    onContextMenu: hooks?.onContextMenu,
  };
}

/** Equal as long as the same chart shows the same selection, however often it is refreshed. */
function selection(formData) {
  const { slice_id, x_axis, time_grain_sqla, adhoc_filters, extra_form_data } = formData;
  return JSON.stringify([slice_id, x_axis, time_grain_sqla, adhoc_filters, extra_form_data]);
}

/**
 * @param {object} React
 * @param {object} library lightweight-charts
 * @param {(format: string) => (value: number) => string} numberFormatter of d3 formats
 */
export function candlestickComponent(React, library, numberFormatter) {
  const { createElement, useEffect, useMemo, useRef, useState } = React;
  const views = rememberedViews();

  /** The first of equal values: Superset makes new props each time that a size changes. */
  function useStable(value) {
    const kept = useRef(value);
    if (JSON.stringify(kept.current) !== JSON.stringify(value)) kept.current = value;
    return kept.current;
  }

  function Legend({ model, at, price, names, colors, boxRef }) {
    const parts = legendParts(model, at, price.text, name =>
      Object.hasOwn(names, name) ? names[name] : name,
    );
    return createElement(
      'div',
      { ref: boxRef, className: 'candlestick-legend', style: legendStyle(colors) },
      parts.map(({ key, name, text, color }) =>
        createElement(
          'span',
          { key, style: { color: color ?? colors.text, fontWeight: key === 'symbol' ? 600 : 400 } },
          name && createElement('span', { style: { color: colors.muted } }, `${name} `),
          text,
        ),
      ),
      model.notes.map(note => createElement('span', { key: note, style: noteStyle(colors) }, note)),
    );
  }

  function Candles({ width, height, model, price, colors, names, time, selected, onMenu }) {
    const element = useRef(null);
    const legend = useRef(null);
    const drawing = useRef(null);
    const [hovered, setHovered] = useState(null);
    const at = Math.min(hovered ?? Infinity, model.bars.length - 1);

    useEffect(() => {
      drawing.current = createDrawing(library, element.current, setHovered);
    }, []);
    useEffect(() => {
      drawing.current.resize(width, height, legend.current.offsetHeight);
      drawing.current.show(model, price, colors, views.recall(selected));
      return () => views.keep(selected, drawing.current.seen());
    }, [model, price, colors, selected]);
    useEffect(() => {
      drawing.current.resize(width, height, legend.current.offsetHeight);
    }, [width, height, model]);
    // The last effect, since React cleans up in the order of effects.
    useEffect(() => () => drawing.current.remove(), []);

    // Not React's own event: it would reach Superset's menu without a bar before this one.
    useEffect(() => {
      const box = element.current;
      const openMenu = event => {
        if (hovered === null || !onMenu) return;
        event.preventDefault();
        const filter = barFilter(model.bars[at].instant, model.scale, time);
        onMenu(event.clientX, event.clientY, { drillToDetail: [filter] });
      };
      box.addEventListener('contextmenu', openMenu);
      return () => box.removeEventListener('contextmenu', openMenu);
    }, [model, hovered, onMenu]);

    return createElement(
      'div',
      { style: { position: 'relative', width, height } },
      createElement('div', { ref: element, role: 'img', 'aria-label': description(model) }),
      createElement(Legend, { model, at, price, names, colors, boxRef: legend }),
    );
  }

  function Message({ width, height, title, hint, colors }) {
    return createElement(
      'div',
      {
        className: 'candlestick-message',
        role: 'status',
        style: messageStyle(width, height, colors),
      },
      createElement('div', { style: { fontSize: 16, color: colors.text } }, title),
      createElement('div', { style: { overflowWrap: 'anywhere' } }, hint),
    );
  }

  return function Candlestick({ width, height, rows, onContextMenu, ...props }) {
    const fields = useStable(props.fields);
    const colors = useStable(props.colors);
    const model = useMemo(() => candles(rows, fields), [rows, fields]);
    const price = useMemo(
      () => priceFormat(model, fields.priceFormat, numberFormatter),
      [model, fields],
    );
    if (model.problem) return createElement(Message, { width, height, colors, ...model.problem });
    return createElement(Candles, {
      width,
      height,
      model,
      price,
      colors,
      names: props.names,
      time: fields.time,
      selected: props.selection,
      onMenu: onContextMenu,
    });
  };
}

/** How prices are written, and the digits after the point by which the axis may step. */
function priceFormat(model, format, numberFormatter) {
  if (model.problem) return null;
  const decimals = decimalsOf(model.bars[model.bars.length - 1].close);
  const text = AUTOMATIC.includes(format) ? priceWriter(decimals) : numberFormatter(format);
  return { text: value => text(value), decimals };
}

/** The rows behind a bar, for Superset's "drill to detail". */
function barFilter(instant, scale, time) {
  const formattedVal = timeText(instant, scale);
  return { col: time, op: '==', val: instant * 1000, grain: scale.grain, formattedVal };
}

function description({ symbol, bars, scale }) {
  const [from, to] = [bars[0], bars[bars.length - 1]].map(bar => timeText(bar.instant, scale));
  return `Candlestick chart${symbol ? ` of ${symbol}` : ''}: ${bars.length} bars, ${from} to ${to}`;
}

function legendStyle(colors) {
  return {
    position: 'absolute',
    zIndex: 3,
    top: 4,
    left: 8,
    maxWidth: `calc(100% - ${AXIS_WIDTH + 16}px)`,
    display: 'flex',
    flexWrap: 'wrap',
    columnGap: 10,
    overflowWrap: 'anywhere',
    fontFamily: colors.fontFamily,
    fontSize: 12,
    lineHeight: '18px',
    fontVariantNumeric: 'tabular-nums',
    pointerEvents: 'none',
  };
}

function noteStyle(colors) {
  return { flexBasis: '100%', color: colors.muted, fontStyle: 'italic' };
}

function messageStyle(width, height, colors) {
  return {
    width,
    height,
    display: 'flex',
    flexDirection: 'column',
    alignItems: 'center',
    justifyContent: 'center',
    gap: 4,
    padding: 16,
    boxSizing: 'border-box',
    textAlign: 'center',
    color: colors.muted,
    fontFamily: colors.fontFamily,
  };
}
