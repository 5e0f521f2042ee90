"""Commands that train models of a graph: links, embeddings, paths, diagnosis, treatment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medkg.cli.app import train
from medkg.cli.models import open_link_model
from medkg.cli.options import Config, Json, PrintConfig, Seed, given_options
from medkg.cli.output import print_set_aside

if TYPE_CHECKING:
    from medkg.core.quarantine import Quarantine
    from medkg.mining.links.model import LinkModel


@train.command("links", epilog="Example: medkg train links graphs/all --out models/targets")
def train_links(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    relation: Annotated[
        str | None, typer.Option(help="The relation to predict (default: TARGETS).")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="ranker, network, paths, structure, degree or neighbours (default: ranker;"
            " network with an option of it)."
        ),
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="rgcn, compgcn, hgt or lookup.")] = None,
    decoder: Annotated[
        str | None, typer.Option(help="distmult, complex, transe or rotate.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of network the most, of paths how many.")
    ] = None,
    split: Annotated[
        Path | None, typer.Option(help="Edges to hold back: a folder of medkg split.")
    ] = None,
    config: Config = None,
    _print_config: PrintConfig = False,
    tune: Annotated[
        int | None,
        typer.Option(min=1, help="First try so many settings of the network; see OUT.tuning."),
    ] = None,
    ensemble: Annotated[
        list[Path] | None,
        typer.Option(help="Join these trained models, weighted on validation; repeat it."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same result (default: 0).")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Where networks are trained: cpu, cuda, …")
    ] = None,
    refit: Annotated[
        bool | None,
        typer.Option(
            "--refit/--no-refit",
            help="Let the model, once measured, answer by the edges held back, too"
            " (default: unless --split is given).",
        ),
    ] = None,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Of the ranker: measure what each part adds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train link prediction; the figures are of edges that are held back, then known, too."""
    from medkg.gnn.settings import read_with

    if ensemble:
        given = given_options(
            relation=relation, model=model, encoder=encoder, decoder=decoder, epochs=epochs,
            split=split, config=config, tune=tune, device=device, refit=refit,
            ablate=ablate or None,
        )  # fmt: skip
        if given:
            raise typer.BadParameter(f"{', '.join(given)}: not for --ensemble")
        return _join_models(graph, ensemble, out, seed or 0, as_json)
    tables: dict[str, dict[str, object]] = {
        "links": {"relation": relation, "model": model, "seed": seed, "device": device},
        "network": {},
        "paths": {},
    }
    settings = _with_model(read_with(config, tables))
    is_path_network = settings["links"]["model"] == "paths"
    if is_path_network and (encoder or decoder):
        raise typer.BadParameter("--encoder and --decoder are of the model network, not of paths")
    given = given_options(encoder=encoder, decoder=decoder, epochs=epochs)
    settings["paths" if is_path_network else "network"].update(given)
    return _train_links(graph, out, settings, split, tune, refit, ablate, as_json)


def _with_model(tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Settings with the model that they are of: a table `paths` alone makes it a path network.

    Raises:
        BadParameter: there is such a table, and another model.
    """
    model = tables["links"].get("model", "")
    if tables["paths"] and not tables["network"]:
        if model not in ("", "paths"):
            raise typer.BadParameter(f"the table paths is of the model paths, not of {model}")
        model = "paths"
    tables["links"]["model"] = model
    return tables


def _train_links(
    graph: Path,
    out: Path,
    tables: dict[str, dict[str, Any]],
    split: Path | None,
    tune: int | None,
    refit: bool | None,
    ablate: bool,
    as_json: bool,
) -> None:
    """Train a link model with the settings in `tables`, after tuning them where that is asked."""
    from dataclasses import replace

    from medkg.gnn import parallel
    from medkg.gnn.options import with_options
    from medkg.gnn.settings import LinkSettings, NetworkSettings
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.links.split import held_back
    from medkg.mining.links.train import train_links as train_model

    links = LinkSettings(**tables["links"])
    of_model = tables["paths" if links.model == "paths" else "network"]
    kg = KnowledgeGraph.open(graph)
    options: dict[str, Any] = {
        "split": None if split is None else held_back(split, kg, links.relation),
        "context_relations": links.context_relations or None,
        "seed": links.seed,
        "device": links.device or None,
    }
    if tune is not None:
        if links.model not in ("", "network"):
            raise typer.BadParameter(f"--tune is for networks; a {links.model} has nothing to tune")
        from medkg.mining.links.tune import tune_links

        settings = with_options(NetworkSettings(), of_model)
        trials = Path(f"{out}.tuning")
        best = tune_links(
            kg, links.relation, tune, trials, settings=settings, fixed=of_model, **options
        )
        of_model, links = best.options(), replace(links, model="network")
    trained = train_model(
        kg, links.relation, model=links.model or None, out=out, graph_path=graph,
        refit=refit, ablate=ablate, **options, **of_model,
    )  # fmt: skip
    if parallel.rank() == 0:  # of several processes one prints
        _print_links(trained, out, as_json)


def _join_models(graph: Path, members: list[Path], out: Path, seed: int, as_json: bool) -> None:
    from medkg.mining.links.train import ensemble_links

    models = [open_link_model(path, str(graph)) for path in members]
    joined = ensemble_links(models, seed=seed, out=out, graph_path=graph)
    if not as_json:
        weights = joined.metrics["training"]["weights"].items()
        typer.echo("weights: " + ", ".join(f"{name} {weight:g}" for name, weight in weights))
    _print_links(joined, out, as_json)


def _print_links(trained: LinkModel, out: Path, as_json: bool) -> None:
    from medkg.cli import show
    from medkg.mining.links.card import unranked_edges
    from medkg.reports import link_ablation, link_figures

    if as_json:
        return show.as_json(trained.metrics)
    title = f"{out}: held-out {trained.task.edge_type[1]}, tails ranked for each head"
    show.frame(link_figures(trained.name, trained.metrics), title)
    if sentence := unranked_edges(trained):
        show.out.print(sentence)
    if rows := trained.metrics.get("training", {}).get("ablation"):
        show.frame(
            link_ablation(rows),
            "What each part adds, on the validation edges (lost: of the model's MRR, or of what"
            " stands before the comma)",
        )
    return None


@train.command(
    "embeddings", epilog="Example: medkg train embeddings graphs/all --out models/embeddings"
)
def train_embeddings(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    decoder: Annotated[
        str | None, typer.Option(help="transe, distmult, complex (default) or rotate.")
    ] = None,
    dim: Annotated[int | None, typer.Option(help="Real numbers in a vector.")] = None,
    epochs: Annotated[int | None, typer.Option(help="The most.")] = None,
    config: Config = None,
    _print_config: PrintConfig = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, …")] = "cpu",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train embeddings of all relations of a graph at once; one edge in a hundred is held back."""
    from medkg.cli import show
    from medkg.gnn import parallel
    from medkg.gnn.embeddings.model import train_embeddings as train_model
    from medkg.gnn.options import with_options
    from medkg.gnn.settings import EmbeddingSettings, read_with
    from medkg.graph.kg import KnowledgeGraph
    from medkg.reports import embedding_figures

    given = {"embeddings": {"decoder": decoder, "dim": dim, "epochs": epochs}}
    settings = with_options(EmbeddingSettings(), read_with(config, given)["embeddings"])
    trained = train_model(
        KnowledgeGraph.open(graph), settings, seed=seed, out=out, graph_path=graph, device=device
    )
    if parallel.rank():  # of several processes one prints
        return
    if as_json:
        show.as_json(trained.metrics)
    else:
        show.frame(
            embedding_figures(settings.decoder, trained.metrics), f"{out}: held-out, both sides"
        )


@train.command("paths", epilog="Example: medkg train paths graphs/all --out models/paths")
def train_paths(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    epochs: Annotated[int | None, typer.Option(help="Of 300 steps each.")] = None,
    config: Config = None,
    _print_config: PrintConfig = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, …")] = "cpu",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train one graph neural network for all relations; one edge in a hundred is held back."""
    from medkg.cli import show
    from medkg.gnn.options import with_options
    from medkg.gnn.relation_paths.model import train_relation_paths
    from medkg.gnn.settings import RelationPathSettings, read_with
    from medkg.graph.kg import KnowledgeGraph
    from medkg.reports import embedding_figures

    read = read_with(config, {"relation_paths": {"epochs": epochs}})
    settings = with_options(RelationPathSettings(), read["relation_paths"])
    trained = train_relation_paths(
        KnowledgeGraph.open(graph), settings, seed=seed, out=out, graph_path=graph, device=device
    )
    if as_json:
        show.as_json(trained.metrics)
    else:
        show.frame(embedding_figures("paths", trained.metrics), f"{out}: held-out, both sides")


def _knowledge_without(graph: Path, cited: Path, out: Path, quarantine: Quarantine) -> Path:
    """Save what is left of a graph without the rows that cite these cases, beside a model's folder.

    Raises:
        DataError: the model's folder holds something else; nothing is written then.
    """
    from medkg.cases import open_cases
    from medkg.cli import show
    from medkg.core.atomic import check_replaceable
    from medkg.core.model_folder import CONFIG
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.diagnosis.model import KIND
    from medkg.mining.diagnosis.split import without_cited

    check_replaceable(out, marker=CONFIG, kind=KIND)
    kg, left_out = without_cited(KnowledgeGraph.open(graph), open_cases(cited, quarantine))
    knowledge = out.with_name(f"{out.name}.knowledge")
    kg.save(knowledge)
    show.err.print(f"{knowledge}: without {left_out:,} rows of evidence that cite these cases")
    return knowledge


@train.command(
    "diagnosis", epilog="Example: medkg train diagnosis graphs/hpo --out models/diagnosis"
)
def train_diagnosis(
    graph: Annotated[Path, typer.Argument(help="A graph folder.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    model: Annotated[
        str,
        typer.Option(
            help="ranker, or alone: gnn, mlp, logistic, svm, svm_rbf, conditional, nearest,"
            " naive_bayes, resnik, lin, phrank."
        ),
    ] = "ranker",
    cases: Annotated[
        Path | None,
        typer.Option(
            help="Patients to learn from too: phenopackets, a graph folder, or a TSV with the"
            " columns case, phenotypes, diseases."
        ),
    ] = None,
    without_cited: Annotated[
        Path | None,
        typer.Option(help="Cases whose publications the knowledge must not cite (OUT.knowledge)."),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train diagnosis as node classification: which disease a patient's node belongs to."""
    from medkg.cases import open_cases
    from medkg.cli import show
    from medkg.core.quarantine import Quarantine
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.diagnosis.train import train_diagnosis as train_model
    from medkg.reports import diagnosis_figures

    quarantine = Quarantine()
    if without_cited is not None:
        graph = _knowledge_without(graph, without_cited, out, quarantine)
    kg = KnowledgeGraph.open(graph)
    trained = train_model(
        kg,
        model=model,
        cases=None if cases is None else open_cases(cases, quarantine),
        seed=seed,
        out=out,
        graph_path=graph,
    )
    if as_json:
        return show.as_json({**trained.metrics, "set_aside": quarantine.counts()})
    figures = diagnosis_figures(trained.metrics)
    shown = figures.select(
        "model", "precision", "recall", "f1", "top_1", "top_3", "top_10", "mrr_95"
    )
    show.frame(shown, f"{out}: {figures['n'][0]:,} held-out simulated patients")
    show.out.print(
        "Simulated patients are made from annotations, which flatters models of annotations alone;"
        " medkg evaluate diagnosis measures on real cases."
    )
    return print_set_aside(quarantine)


@train.command(
    "treatment", epilog="Example: medkg train treatment graphs/all --out models/treatment"
)
def train_treatment(
    graph: Annotated[Path, typer.Argument(help="A graph folder with treatments.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    model: Annotated[
        str,
        typer.Option(help="hybrid, or a member alone: popularity, content, collaborative, links."),
    ] = "hybrid",
    split: Annotated[
        Path | None, typer.Option(help="Edges to hold back: a folder of medkg split.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train what ranks drugs for a disease; a part of the treatments is held back and tested."""
    from medkg.cli import show
    from medkg.cli.show_recommendation import training_figures
    from medkg.graph.kg import KnowledgeGraph
    from medkg.mining.links.split import held_back
    from medkg.mining.treatment.model import RELATION
    from medkg.mining.treatment.train import train_treatment as train_model

    kg = KnowledgeGraph.open(graph)
    held = None if split is None else held_back(split, kg, RELATION)
    trained = train_model(kg, model=model, seed=seed, split=held, out=out, graph_path=graph)
    if as_json:
        return show.as_json({"weights": trained.weights, **trained.metrics})
    show.frame(training_figures(trained.metrics), f"{out}: held-out treatments of diseases")
    weights = ", ".join(f"{name} {weight:.1f}" for name, weight in trained.weights.items())
    return show.out.print(f"weights, chosen on validation: {weights}")
