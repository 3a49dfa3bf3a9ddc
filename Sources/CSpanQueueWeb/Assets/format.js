// Numbers, spans of time and moments, as people read them.

import { h } from "./dom.js";

const grouped = new Intl.NumberFormat("en-US");

export const number = (value) => grouped.format(value);
export const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

/** Jobs a second. */
export function rate(value) {
  if (value === null || value === undefined) return "–";
  return value < 1000 ? (Math.round(value * 10) / 10).toFixed(1) : number(Math.round(value));
}

/** A span of time: three digits, or two units. */
export function span(milliseconds) {
  const ms = Math.max(0, milliseconds);
  if (ms === 0) return "0 s";
  if (ms < 999.5) return `${Math.max(1, Math.round(ms))} ms`;
  const s = ms / 1000;
  if (s < 9.995) return `${s.toFixed(2)} s`;
  if (s < 59.95) return `${s.toFixed(1)} s`;
  return units(Math.round(s));
}

/** The same without fractions, for ages that tick. */
export function age(milliseconds) {
  const s = Math.max(0, Math.floor(milliseconds / 1000));
  return s < 60 ? `${s} s` : units(s);
}

function units(seconds) {
  const [day, hour, minute, second] = [
    Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  if (day > 0) return hour > 0 ? `${day} d ${hour} h` : `${day} d`;
  if (hour > 0) return minute > 0 ? `${hour} h ${minute} min` : `${hour} h`;
  return second > 0 ? `${minute} min ${second} s` : `${minute} min`;
}

/** Ids begin with their time and end with chance: both ends tell them apart. */
export const shortID = (id) => (id.length <= 16 ? id : `${id.slice(0, 8)}…${id.slice(-4)}`);

// Moments

const setting = { utc: false, absolute: false, skew: 0 };

/** How far the server's clock is ahead of ours, in milliseconds. */
export const skew = () => setting.skew;
export const setSkew = (milliseconds) => { setting.skew = milliseconds; };
export const now = () => Date.now() + setting.skew;
export const isUTC = () => setting.utc;
export const toggleUTC = () => { setting.utc = !setting.utc; };
export const toggleAbsolute = () => { setting.absolute = !setting.absolute; };

const two = (value) => String(value).padStart(2, "0");
const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export function offset(date = new Date()) {
  const minutes = setting.utc ? 0 : -date.getTimezoneOffset();
  return `${minutes < 0 ? "−" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

function fields(moment) {
  // Shifted, so that what it calls UTC is what is shown.
  const date = new Date(moment);
  return setting.utc ? date : new Date(moment - date.getTimezoneOffset() * 60000);
}

export function clock(moment) {
  const date = fields(moment);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}

function day(moment) {
  const date = fields(moment);
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

export function absolute(moment) {
  const date = fields(moment);
  const ms = String(date.getUTCMilliseconds()).padStart(3, "0");
  return `${days[date.getUTCDay()]} ${day(moment)}, ${clock(moment)}.${ms} ${offset(new Date(moment))}`;
}

function relative(moment) {
  const past = now() - moment;
  if (setting.absolute || Math.abs(past) > 86_400_000) {
    return day(moment) === day(now()) ? clock(moment) : `${day(moment)} ${clock(moment)}`;
  }
  // Rounded away from now: what is still to come is never "in 0 s".
  return past >= 0 ? `${age(past)} ago` : `in ${age(-past + 999)}`;
}

/** A moment of the server's, which keeps its distance by itself. */
export function time(text) {
  const moment = Date.parse(text);
  if (!Number.isFinite(moment)) return "–";
  return h("time", { datetime: new Date(moment).toISOString(), "data-tip": absolute(moment) }, relative(moment));
}

/** Brings all moments up to date. */
export function tick(root) {
  for (const node of root.querySelectorAll("time[datetime]")) {
    const moment = Date.parse(node.dateTime);
    const text = relative(moment);
    if (node.firstChild.data !== text) node.firstChild.data = text;
    const tip = absolute(moment);
    if (node.dataset.tip !== tip) node.dataset.tip = tip;
  }
}
