"""An evaluation as a person reads it: one table, and a line for each further question."""

from typing import Any

import click

PROTOCOLS = ("aligned", "searched", "apart")
ROW = "{:10}{:>33}{:>33}{:>11}{:>16}"
WAY = "R@1   R@5  R@10  median  share"


def show_evaluation(summary: dict[str, Any]) -> None:
    """Print what `evaluate --json` holds, in short."""
    click.echo(f"{summary['pool']} rows of {summary['seconds']:g} s, {len(summary['left_out'])} shorter ones left out")
    click.echo(ROW.format("", "video to music", "music to video", "mean R@10", "95 % by group").rstrip())
    click.echo(ROW.format("", WAY, WAY, "", "").rstrip())
    for name in PROTOCOLS:
        part = summary[name]
        ways = [_figures(part[way]) for way in ("video_to_music", "music_to_video")]
        click.echo(ROW.format(name, *ways, f"{part['mean_recall@10']:.3f}", _range(part["mean_interval"])))
    click.echo(
        ROW.format("chance", _figures(summary["chance"]), "", f"{summary['chance']['recall@10']:.3f}", "").rstrip()
    )
    click.echo("share: median rank as a share of the pool; ties count what a random order of the tied would give")
    for line in (*_baselines(summary), *_levels(summary), *_others(summary)):
        click.echo(line)


def _figures(way: dict[str, Any]) -> str:
    share = way.get("median_rank_share", 0.5)
    recalls = "  ".join(f"{way[f'recall@{k}']:.2f}" for k in (1, 5, 10))
    return f"{recalls}  {way['median_rank']:6.4g}  {share:4.0%}"


def _baselines(summary: dict[str, Any]) -> list[str]:
    """Mean recall@10 of each baseline, and what the model has more than it."""
    rows = {
        "untrained": (summary["untrained"], summary["difference_to_untrained"]),
        **{name: (row, summary["difference_to_baselines"][name]) for name, row in sorted(summary["baselines"].items())},
    }
    lines = ["", "mean R@10 of baselines, and the model's lead (95 % by group)"]
    for name, (row, leads) in rows.items():
        shown = [
            f"{protocol} {row[protocol]['mean_recall@10']:.3f}, {leads[protocol]['difference']:+.3f} "
            f"({_range(leads[protocol]['interval'])})"
            for protocol in PROTOCOLS
            if protocol in row
        ]
        lines.append(f"{name:15}{'; '.join(shown) or 'no curves'}")
    return lines


def _levels(summary: dict[str, Any]) -> list[str]:
    """Segment and track level, and smaller pools."""
    lines = [""]
    if "segment" in summary["levels"]:
        part = summary["levels"]["segment"]
        ways = ", ".join(f"{part[way]['recall@10']:.2f}" for way in ("video_to_music", "music_to_video"))
        chance = part["chance"]["recall@10"]
        lines.append(f"segments       R@10 {ways} of {part['pool']} passages, chance {chance:.3f}")
    track = summary["levels"]["track"]
    ways = ", ".join(
        f"{track[way]['recall@10']:.2f} (chance {track[way]['chance']['recall@10']:.2f})"
        for way in ("video_to_music", "music_to_video")
    )
    lines.append(f"tracks         R@10 {ways}; {track['clips']} whole clips, {track['musics']} musics, each once")
    for size in summary["pools"]["aligned"]:
        shown = ", ".join(f"{name} {_pool(summary['pools'][name][size])}" for name in PROTOCOLS)
        lines.append(
            f"pools of {size:5} R@10 {shown}; chance {summary['pools']['aligned'][size]['chance']['recall@10']:.2f}"
        )
    return lines


def _pool(pool: dict[str, Any]) -> str:
    return f"{(pool['video_to_music']['recall@10'] + pool['music_to_video']['recall@10']) / 2:.3f}"


def _others(summary: dict[str, Any]) -> list[str]:
    """Groups, places, hubs, leaks."""
    part, chance = summary["within_groups"]["aligned"], summary["chance"]
    way = summary["aligned"]["video_to_music"]
    lines = []
    if part["rows"]:
        lines.append(
            f"within groups  R@1 {part['recall@1']:.2f}, chance {part['chance']:.2f}, {part['difference']:+.3f} "
            f"({_range(part['interval'])}); {part['rows']} rows, aligned"
        )
    if summary["starts"]:
        starts = summary["starts"]
        lines.append(
            f"starts         {starts['within_1s']:.2f} within 1 s, overlap {starts['mean_iou']:.2f}; "
            f"at 0: {starts['start_at_zero']['within_1s']:.2f}, {starts['start_at_zero']['mean_iou']:.2f}"
        )
    lines.append(
        f"hubs           skewness {way['hubness']:.1f} (chance {chance['hubness']:.1f}), "
        f"coverage@10 {way['coverage@10']:.2f} (chance {chance['coverage@10']:.2f}); aligned, video to music"
    )
    if "leaks" in summary:
        found = summary["leaks"]
        verdict = "LEAKING: the old id is found" if found["is_leaking"] else "no leak"
        lines.append(
            f"leaks          old id {found['old_id_recall@1']:.2f}, own sound {found['own_sound_recall@1']:.2f}, "
            f"chance {found['chance']:.2f}, p {found['p']:.3f}; {found['rows']} files swapped: {verdict}"
        )
    return lines


def _range(interval: list[float]) -> str:
    return f"{interval[0]:.2f} to {interval[1]:.2f}"
