#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What vmexitd says of a recording's exits and workload, computed once more from its CSV by
Debian's scipy and numpy. Usage: stats_check.py DIR SOURCE; DIR has samples.csv (long),
marks.json, correlate.json, attribution-*.json, scatter.json. Prints "ok WHAT" or "not ok WHAT"."""
import csv
import json
import math
import sys

import numpy as np
from scipy import stats

LADDER = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600]
LEVELS = {'tasks_runnable', 'tasks_blocked', 'memory_total_bytes', 'memory_available_bytes'}
NAMED = {'interrupt_source', 'process_cpu_us', 'unit_cpu_us'}
OF_VM = {'count': 'exits', 'handling': 'handling_cycles', 'away': 'away_cycles'}
OF_REASON = {'count': 'reason_exits', 'handling': 'reason_handling_cycles', 'away': 'reason_away_cycles'}
LEAST = 10			# pairs, or cells
COVERED = 0.9

directory, source = sys.argv[1:3]
failed = 0


def check(condition, what):
    global failed
    failed += not condition
    print('ok' if condition else 'not ok', what)


def load(name):
    with open(f'{directory}/{name}.json') as f:
        return json.load(f)


class Recording:
    """Samples by source: time in seconds since `origin`, and {(kind, id or name): value}."""

    def __init__(self):
        self.samples = {'guest': {}, 'host': {}}
        with open(f'{directory}/samples.csv', newline='') as f:
            rows = list(csv.DictReader(f))
        whole, _, part = rows[0]['epoch'].partition('.')
        self.origin = int(whole)
        self.opened = self.seconds(rows[0]['epoch'])
        for row in rows:
            if not row['source']:
                if row['kind'] == 'boot_cause':
                    self.created = row['name'] == 'created'
                elif row['kind'] in ('vcpus', 'tsc_khz'):
                    setattr(self, row['kind'], int(row['value']))
                continue
            if row['kind'].startswith('mark') or row['kind'].startswith('gap'):
                continue
            t, values = self.samples[row['source']].setdefault(
                int(row['sequence']), (self.seconds(row['epoch']), {}))
            self.put(values, row)
        self.samples = {s: [v[k] for k in sorted(v)] for s, v in self.samples.items()}

    def seconds(self, text):
        whole, _, part = text.partition('.')
        return int(whole) - self.origin + int((part + '000000000')[:9]) / 1e9

    @staticmethod
    def put(values, row):
        kind, name = row['kind'], row['id'] if row['kind'].startswith('reason') else ''
        if kind in NAMED:
            # Processes of one name are one.
            name = row['name']
            values['lists', kind] = 1
            if kind == 'process_cpu_us':
                values[kind, name] = values.get((kind, name), 0) + int(row['value'])
                return
        elif kind.startswith('reason'):
            values['lists', 'reasons'] = 1
        if row['value']:
            values[kind, name] = int(row['value'])

    def steps(self, who):
        """Pairs of (from, to, values before, values at the end) of neighbouring samples."""
        found, before = [], (self.opened, {}) if self.created else None
        for t, values in self.samples[who]:
            if before and t > before[0] and not values.get(('after_gap', '')):
                found.append((before[0], t, before[1], values))
            before = (t, values)
        return found

    def covered(self, who):
        return [(a, b) for a, b, _, v in self.steps(who)
                if ('exits', '') in v or ('taken', '') in v or ('cpu_user_ms', '') in v]

    def curve(self, who, kind, name=''):
        """(from, to, rate) of what is known of a kind."""
        scale = 1 / (self.tsc_khz * 1000 * self.vcpus) if kind.endswith('cycles') else 1
        of_vm = kind.startswith('reason') or kind in OF_VM.values()
        found = []
        for a, b, before, now in self.steps(who):
            if kind in LEVELS:
                if (kind, '') in now and before:
                    found.append((a, b, now[kind, '']))
                continue
            zero = of_vm and (not before and self.created or
                              kind.startswith('reason') and ('lists', 'reasons') in before)
            last = before.get((kind, name), 0 if zero else None)
            value = now.get((kind, name))
            if value is None and kind.startswith('reason') and ('lists', 'reasons') in now:
                value = 0
            if value is not None and last is not None and value >= last:
                found.append((a, b, (value - last) / (b - a) * scale))
        return found

    def lists(self, kind):
        return [(t, v) for t, v in self.samples['guest'] if ('lists', kind) in v]

    def list_curve(self, kind, name, is_covered):
        found, lists = [], self.lists(kind)
        has = [i for i, (_, v) in enumerate(lists) if (kind, name) in v]
        for i in range(1, len(lists)):
            a, b = lists[i - 1][0], lists[i][0]
            if not is_covered(a, b):
                continue
            if kind == 'process_cpu_us':
                found.append((a, b, lists[i][1].get((kind, name), 0) / (b - a)))
                continue
            later = [k for k in has if k >= i]
            earlier = [k for k in has if k < i]
            if later and earlier:
                (t0, v0), (t1, v1) = lists[earlier[-1]], lists[later[0]]
                growth = v1[kind, name] - v0[kind, name]
                if growth >= 0:
                    found.append((a, b, growth / (t1 - t0)))
            elif not later or later[0] > i:
                found.append((a, b, 0))
        return found


def usual(lengths):
    """The length that holds for nine tenths of the time."""
    lengths = np.sort(lengths)
    return lengths[min(np.searchsorted(np.cumsum(lengths), COVERED * lengths.sum() * (1 - 1e-12)),
                       len(lengths) - 1)]


class Grid:
    def __init__(self, recording, sources):
        self.r = recording
        intervals = {s: recording.covered(s) for s in sources}
        # How long it took until somebody looked tells nothing of how often.
        longest = max(usual([b - a for a, b in i if not recording.created or a > recording.opened])
                      for i in intervals.values())
        self.step = next(s for s in LADDER if s >= 0.9 * longest)
        # Cells begin at multiples of the step since the epoch.
        step, origin = round(self.step * 1e9), recording.origin * 10**9
        first = min(i[0][0] for i in intervals.values())
        last = max(i[-1][1] for i in intervals.values())
        self.first = -((-origin - round(first * 1e9)) // step)
        self.last = (origin + round(last * 1e9)) // step
        self.edges = np.array([(n * step - origin) / 1e9 for n in range(self.first, self.last + 1)])
        stretches = []
        for a, b in recording.covered('guest'):
            if stretches and a <= stretches[-1][1] + 0.001:
                stretches[-1][1] = b
            else:
                stretches.append([a, b])
        self.stretches = stretches

    def is_covered(self, a, b):
        return any(s <= a + 0.001 and e >= b - 0.001 for s, e in self.stretches)

    def cells(self, intervals, stride=1):
        """Means by time: differences of the integral at the cells' edges."""
        intervals = [(a, b, v) for a, b, v in intervals if b - a <= 3 * stride * self.step]
        if not intervals:
            return np.full(len(self.edges) - 1, np.nan)
        t, area, known = [intervals[0][0]], [0.0], [0.0]
        for a, b, v in intervals:
            if a > t[-1]:
                t.append(a)
                area.append(area[-1])
                known.append(known[-1])
            t.append(b)
            area.append(area[-1] + v * (b - a))
            known.append(known[-1] + b - a)
        covered = np.diff(np.interp(self.edges, t, known))
        with np.errstate(divide='ignore', invalid='ignore'):
            v = np.where(covered >= COVERED * self.step - 1e-9,
                         np.diff(np.interp(self.edges, t, area)) / covered, np.nan)
        # Equal ones shall be equal.
        part, exponent = np.frexp(v)
        return np.ldexp(np.round(np.ldexp(part, 30)), exponent - 30)

    def stride(self, kind):
        times = [t for t, _ in self.r.lists(kind)]
        lengths = [b - a for a, b in zip(times, times[1:]) if self.is_covered(a, b)]
        return max(1, math.ceil(usual(lengths) / self.step - 0.1)) if lengths else 1

    def groups(self, v, stride):
        """Means of so many cells, from multiples of them on."""
        numbers = np.arange(self.first, self.last) // stride
        found = []
        for n in range(numbers[0], numbers[-1] + 1):
            inside = v[numbers == n]
            inside = inside[~np.isnan(inside)]
            found.append(inside.mean() if len(inside) >= COVERED * stride else np.nan)
        return np.array(found)

    def series(self, who, curve):
        kind, name = curve['kind'], curve['name'] or ''
        if kind in NAMED:
            stride = self.stride(kind)
            return self.cells(self.r.list_curve(kind, name, self.is_covered), stride), stride
        if kind in OF_VM:
            if curve['reason'] is None:
                return self.cells(self.r.curve(who, OF_VM[kind])), 1
            return self.cells(self.r.curve(who, OF_REASON[kind], str(curve['reason']))), 1
        return self.cells(self.r.curve(who, kind)), 1


def lagged(x, y, lag):
    """Cell i of y with i - lag of x."""
    if lag > 0:
        x, y = x[:-lag], y[lag:]
    elif lag < 0:
        x, y = x[-lag:], y[:lag]
    known = ~np.isnan(x) & ~np.isnan(y)
    return x[known], y[known]


def constant(v, whole):
    return v.std() <= 1e-6 * np.nanmax(np.abs(whole))


def lag1(v):
    d = v - v.mean()
    return (d[1:] * d[:-1]).sum() / (d * d).sum()


def near(a, b, part=1e-7, least=1e-10):
    return a is not None and b is not None and abs(a - b) <= part * abs(b) + least


def correlation(x, y, lag_max):
    """The best lag, and what is known there."""
    best = None
    for lag in sorted(range(-lag_max, lag_max + 1), key=lambda k: (abs(k), -k)):
        a, b = lagged(x, y, lag)
        if len(a) < LEAST or constant(a, x) or constant(b, y):
            continue
        r = np.corrcoef(a, b)[0, 1]
        if best is None or abs(r) > abs(best[0]) + 1e-9:
            best = r, lag
    return best


def check_correlate(grid, answer):
    cache, wrong, why, n_wrong, thresholds = {}, {}, [], [], []
    tests = 0

    def curve(who, c, stride):
        key = who, c['kind'], c['reason'], c['name'], stride
        if key not in cache:
            v, own = grid.series(who, c)
            cache[key] = v if stride is None else grid.groups(v, stride)
            cache[key[:4]] = own
        return cache[key]

    for p in answer['pairs']:
        label = f"{p['y']['kind']} {p['y']['reason_name']} / {p['x']['kind']} {p['x']['name']}"
        curve('guest', p['x'], None)
        stride = cache['guest', p['x']['kind'], p['x']['reason'], p['x']['name']]
        if not near(p['step'], stride * grid.step):
            n_wrong.append(label + f" step {p['step']} {stride}")
            continue
        x, y = curve('guest', p['x'], stride), curve(source, p['y'], stride)
        lag_max = min(30, int(5 / p['step'] + 1e-6))
        best = correlation(x, y, lag_max)
        if best is None or p['pearson'] is None:
            a, b = lagged(x, y, 0)
            if best is not None or p['pearson'] is not None or not p['why'] or p['n'] != len(a):
                why.append(label + f" {best} {p['why']}")
            continue
        tests += 2 * lag_max + 1
        a, b = lagged(x, y, round(p['lag'] / p['step']))
        expected = {'pearson': stats.pearsonr(a, b)[0], 'spearman': stats.spearmanr(a, b)[0]}
        for key, value in expected.items():
            if not near(p[key], value, 1e-6, 1e-8):
                wrong.setdefault(key, []).append(f'{label}: {p[key]} {value}')
        # Several lags may be as good, but for rounding.
        if not near(abs(p['pearson']), abs(best[0]), 1e-6, 1e-8):
            wrong.setdefault('lag', []).append(f"{label}: {p['lag']} {best}")
        ab = max(0, lag1(a) * lag1(b))
        if p['n'] != len(a) or not near(p['n_effective'], len(a) * (1 - ab) / (1 + ab), 1e-6):
            n_wrong.append(label + f" {p['n']} {len(a)}")
        thresholds.append((p, label))
    for key in ('pearson', 'spearman', 'lag'):
        check(not wrong.get(key), f'{key}: as scipy has it in {len(thresholds)} pairs '
              + '; '.join(wrong.get(key, [])[:3]))
    check(not n_wrong, 'and so many pairs of cells, of which so many are independent ' + '; '.join(n_wrong[:3]))
    check(not why, 'no number where there is none, but why ' + '; '.join(why[:3]))
    check(answer['tests'] == tests, f"tests {answer['tests']} {tests}")
    off = []
    for p, label in thresholds:
        df = p['n_effective'] - 2
        t = stats.t.isf(0.05 / 2 / tests, df)
        r = t / math.sqrt(df + t * t) if p['n_effective'] >= LEAST else 1
        if not near(p['threshold'], r, 1e-6) or p['notable'] != (abs(p['spearman']) > p['threshold']):
            off.append(label)
    check(not off, 'what chance alone would do is Student\'s t for all tests ' + '; '.join(off[:3]))
    ranks = [abs(p['spearman']) for p, _ in thresholds]
    check(ranks == sorted(ranks, reverse=True) and len(ranks) > 50, 'greatest first')


def block_length(v):
    """Politis and White 2004, corrected 2009, of the moving blocks."""
    n = len(v)
    d = v - v.mean()
    r = [(d[k:] * d[:n - k]).sum() / n for k in range(n)]
    if r[0] <= 0:
        return max(1, math.ceil(n / 256))
    k_n = max(5, int(math.sqrt(math.log10(n))))
    longest = min(math.ceil(math.sqrt(n)) + k_n, n - 1)
    chance = 2 * math.sqrt(math.log10(n) / n)
    loud = [abs(r[k] / r[0]) >= chance for k in range(longest + 1)]
    m = 1
    for k in range(1, longest + 1):
        if loud[k]:
            m = k
        elif k - max([j for j in range(1, k) if loud[j]], default=0) >= k_n:
            break
    m = min(2 * m, longest)
    flat = [min(1, 2 * (1 - k / m)) for k in range(m + 1)]
    g = 2 * sum(flat[k] * k * r[k] for k in range(1, m + 1))
    spectrum = r[0] + 2 * sum(flat[k] * r[k] for k in range(1, m + 1))
    best = (2 * g * g / (4 / 3 * spectrum ** 2)) ** (1 / 3) * n ** (1 / 3)
    best = min(best, math.ceil(min(3 * math.sqrt(n), n / 3)))
    return max(math.ceil(best), math.ceil(n / 256))


def replicates(v, generator, count=4000):
    """Means of replicates less the mean of all there can be."""
    block = block_length(v)
    sums = np.convolve(v, np.ones(block), 'valid')
    drawn = math.ceil(len(v) / block)
    means = sums[generator.integers(0, len(sums), (count, drawn))].sum(axis=1) / (drawn * block)
    return (means - sums.mean() / block) * math.sqrt(drawn * block / len(v))


def check_value(value, inside, rest):
    """None if it agrees, else what does not."""
    if not near(value['value'], inside.mean()) or not near(value['baseline'], rest.mean()) or \
       not near(value['difference'], inside.mean() - rest.mean(), 1e-6, 1e-9):
        return f"{value} {inside.mean()} {rest.mean()}"
    generator = np.random.default_rng(1)
    a, b = replicates(inside, generator), replicates(rest, generator)
    for low, high, mean, deviations in (
            ('low', 'high', inside.mean(), a),
            ('difference_low', 'difference_high', inside.mean() - rest.mean(), a - b)):
        expected = mean + np.quantile(deviations, [0.025, 0.975])
        # 1000 replicates tell a quantile to about a tenth of the standard deviation.
        tolerance = 0.13 * (expected[1] - expected[0]) + 1e-12
        if abs(value[low] - expected[0]) > tolerance or abs(value[high] - expected[1]) > tolerance:
            return f'{low} {value[low]} {value[high]} {expected}'
    return None


def marked(marks):
    begins = {m['sequence']: m for m in marks if m['kind'] == 'begin'}
    found = {}
    for m in marks:
        if m['kind'] == 'end' and m['begin'] in begins:
            found.setdefault(m['label'], []).append((begins[m['begin']]['t'], m['t']))
    return found


def states_of_marks(grid, intervals):
    """1: a cell is in an interval, 0: outside, -1: cut."""
    a, b = grid.edges[:-1], grid.edges[1:]
    state = np.zeros(len(a), int)
    for begin, end in intervals:
        begin, end = begin - grid.r.origin, end - grid.r.origin
        state[(b > begin) & (a < end) & (state != 1)] = -1
        state[(a >= begin) & (b <= end)] = 1
    return state


def check_attribution(grid, by):
    answer = load(f'attribution-{by}')
    if by == 'mark':
        # No list of the guest has a part in it.
        grid = Grid(grid.r, {source})
    ys = {k: grid.series(source, {'kind': w, 'reason': None, 'name': None})[0]
          for k, w in (('rate', 'count'), ('handling_share', 'handling'), ('away_share', 'away'))}
    wrong, known, unknown = [], 0, 0
    intervals = marked(load('marks')['marks'])
    for row in answer['rows']:
        stride = 1
        if by == 'mark':
            state = states_of_marks(grid, intervals[row['name']])
        else:
            cpu, stride = grid.series('guest', {'kind': f'{by}_cpu_us', 'name': row['name']})
            cpu = grid.groups(cpu, stride)
            state = np.where(np.isnan(cpu), -1, np.where(cpu > 100000, 1, 0))
        for key, y in ys.items():
            y = grid.groups(y, stride)
            inside = y[(state == 1) & ~np.isnan(y)]
            rest = y[(state == 0) & ~np.isnan(y)]
            if key == 'rate' and (row['n'], row['n_rest']) != (len(inside), len(rest)):
                wrong.append(f"{row['name']} {row['n']} {row['n_rest']} {len(inside)} {len(rest)}")
            if len(inside) < LEAST or len(rest) < LEAST:
                unknown += 1
                if row[key] is not None or not row['why']:
                    wrong.append(f"{row['name']} {key} {row[key]}")
                continue
            known += 1
            error = check_value(row[key], inside, rest) if row[key] else 'null'
            if error:
                wrong.append(f"{row['name']} {key}: {error}")
    for key, y in ys.items():
        if not near(answer['baseline'][key], np.nanmean(y)):
            wrong.append(f"baseline {key} {answer['baseline'][key]} {np.nanmean(y)}")
    if by == 'mark' and {r['name'] for r in answer['rows']} != set(intervals):
        wrong.append('labels')
    check(not wrong, f'by {by}: {known} values and their intervals, {unknown} unknown '
          + '; '.join(wrong[:3]))
    return known


def check_scatter(grid):
    answer = load('scatter')
    x, stride = grid.series('guest', answer['x'])
    y, _ = grid.series(source, answer['y'])
    a, b = lagged(grid.groups(x, stride), grid.groups(y, stride), round(answer['lag'] / answer['step']))
    each = math.ceil(len(a) / 2000)
    points = np.array(answer['points'])
    check(answer['n'] == len(a) and len(points) == math.ceil(len(a) / each) and len(points) > 20 and
          np.allclose(points[:, 1], a[::each], 1e-6) and np.allclose(points[:, 2], b[::each], 1e-6),
          f"scatter: {len(points)} points of {len(a)} pairs")


def main():
    recording = Recording()
    grid = Grid(recording, {'guest', source})
    answer = load('correlate')
    check(near(answer['step'], grid.step), f"the step is {grid.step} s")
    check(near(answer['from'], grid.edges[0] + recording.origin, 1e-15, 1e-6) and
          near(answer['to'], grid.edges[-1] + recording.origin, 1e-15, 1e-6), 'from and to are the grid\'s')
    check_correlate(grid, answer)
    known = sum(check_attribution(grid, by) for by in ('mark', 'process', 'unit'))
    # Of short recordings intervals are too short.
    check(known > 20 or len(recording.samples[source]) < 1000, 'there are intervals to compare')
    check_scatter(grid)
    print('done')
    return 1 if failed else 0


sys.exit(main())
