"""Options of other runners and services, carried so that a migrated program's command line is understood.

They are parsed, shown by views and passed on, because programs read some of them themselves (a project, a
temporary location). Where nothing here reads them, ``PipelineOptions.check`` says so when they are set.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from bourne.sdk.options_base import PipelineOptions

_DATAFLOW = 'it configures Google Cloud Dataflow'
_PORTABLE = "it configures Beam's portable runners; there is no job server and no worker container here"


def _declare(parser: Any, names: Iterable[str], **more: Any) -> None:
    for name in names:
        parser.add_argument(f'--{name}', **more)


def _declare_list(parser: Any, singular: str, plural: str, action: str = 'append') -> None:
    parser.add_argument(f'--{singular}', f'--{plural}', dest=plural, action=action)


def _declare_switch(parser: Any, name: str) -> None:
    parser.add_argument(f'--{name}', action='store_true', default=None)
    parser.add_argument(f'--no_{name}', action='store_false', dest=name, default=None)


class DirectOptions(PipelineOptions):
    """Options of Beam's direct runner."""

    _no_effect: ClassVar[str] = "it configures Beam's direct runner; the local runner has --workers and others"

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--direct_num_workers', type=int, default=1)
        parser.add_argument('--direct_running_mode', default='in_memory',
                            choices=['in_memory', 'multi_threading', 'multi_processing'])
        parser.add_argument('--no_direct_runner_use_stacked_bundle', action='store_false',
                            dest='direct_runner_use_stacked_bundle')
        parser.add_argument('--direct_runner_bundle_repeat', type=int, default=0)
        parser.add_argument('--direct_embed_docker_python', action='store_true')
        parser.add_argument('--direct_test_splits', type=json.loads, default={})


class GoogleCloudOptions(PipelineOptions):
    """Options of Google Cloud Dataflow."""

    _no_effect: ClassVar[str] = _DATAFLOW

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        _declare(parser, (
            'project', 'job_name', 'region', 'staging_location', 'temp_location', 'template_location',
            'dataflow_endpoint', 'service_account_email', 'impersonate_service_account', 'dataflow_kms_key',
            'create_from_snapshot', 'flexrs_goal'))
        _declare(parser, ('no_auth', 'update', 'enable_streaming_engine', 'enable_hot_key_logging',
                          'enable_artifact_caching', 'enable_bucket_read_metric_counter',
                          'enable_bucket_write_metric_counter'), action='store_true')
        parser.add_argument('--transform_name_mapping', type=json.loads)
        _declare_list(parser, 'label', 'labels')
        _declare_list(parser, 'gcp_oauth_scope', 'gcp_oauth_scopes')
        _declare_list(parser, 'dataflow_service_option', 'dataflow_service_options', 'comma_list')


class WorkerOptions(PipelineOptions):
    """Options of Google Cloud Dataflow's worker pools."""

    _no_effect: ClassVar[str] = f'{_DATAFLOW} workers'

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        _declare(parser, (
            'num_workers', 'max_num_workers', 'disk_size_gb', 'disk_provisioned_iops',
            'disk_provisioned_throughput_mibps', 'element_processing_timeout_minutes'), type=int)
        parser.add_argument('--max_cache_memory_usage_mb', type=int, default=0)
        parser.add_argument('--autoscaling_algorithm', choices=['NONE', 'THROUGHPUT_BASED'])
        parser.add_argument('--worker_machine_type', '--machine_type', dest='machine_type')
        parser.add_argument('--worker_disk_type', '--disk_type', dest='disk_type')
        _declare(parser, (
            'worker_region', 'worker_zone', 'zone', 'network', 'subnetwork', 'min_cpu_platform',
            'worker_harness_container_image', 'sdk_container_image', 'default_sdk_harness_log_level'))
        parser.add_argument('--sdk_harness_container_image_overrides', action='append')
        parser.add_argument('--sdk_harness_log_level_overrides', type=json.loads)
        _declare_switch(parser, 'use_public_ips')


class PortableOptions(PipelineOptions):
    """Options of Beam's portable runners."""

    _no_effect: ClassVar[str] = _PORTABLE

    environment_options: list[str] | None

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        _declare(parser, ('job_endpoint', 'artifact_endpoint', 'environment_type', 'environment_config',
                          'output_executable_path'))
        parser.add_argument('--job_server_timeout', '--job-server-timeout', type=int, default=300)
        _declare_list(parser, 'environment_option', 'environment_options')
        parser.add_argument('--sdk_worker_parallelism', type=int, default=1)
        parser.add_argument('--environment_cache_millis', type=int, default=0)

    def add_environment_option(self, option: str) -> None:
        """Adds ``option`` unless it is there."""
        if self.environment_options is None:
            self.environment_options = []
        if option not in self.environment_options:
            self.environment_options.append(option)

    def lookup_environment_option(self, key: str, default: Any = None) -> Any:
        """The value of ``key=value`` among the options, True if ``key`` is there alone, else ``default``."""
        return lookup(self.environment_options, key, default)


class SetupOptions(PipelineOptions):
    """What a program needs on workers."""

    _no_effect: ClassVar[str | Mapping[str, str]] = {
        'save_main_session': 'it is not needed: functions and classes of the main program travel by value, '
                             'with the globals that they use',
        'pickle_library': 'functions are always pickled with cloudpickle',
        'sdk_location': 'workers use the bourne that is installed with them',
        'beam_plugins': 'workers import the modules that the functions refer to',
        **dict.fromkeys(
            ('requirements_cache', 'requirements_cache_only_sources', 'setup_file', 'extra_packages', 'files_to_stage'),
            'nothing is installed on workers: install what the functions import where the workers run'),
        **dict.fromkeys(
            ('prebuild_sdk_container_engine', 'prebuild_sdk_container_base_image', 'docker_registry_push_url',
             'user_agent'), _PORTABLE),
    }

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--requirements_file',
                            help='packages that the Dask runner has pip install on the workers')
        _declare(parser, ('requirements_cache', 'setup_file', 'user_agent',
                          'prebuild_sdk_container_engine', 'prebuild_sdk_container_base_image',
                          'docker_registry_push_url'))
        parser.add_argument('--requirements_cache_only_sources', action='store_true')
        parser.add_argument('--pickle_library', default='default')
        parser.add_argument('--sdk_location', default='default')
        _declare_switch(parser, 'save_main_session')
        _declare_list(parser, 'beam_plugin', 'beam_plugins')
        _declare_list(parser, 'extra_package', 'extra_packages')
        _declare_list(parser, 'file_to_stage', 'files_to_stage')


class ProfilingOptions(PipelineOptions):
    """Options of Beam's profiling of workers."""

    _no_effect: ClassVar[str] = 'profile the program with cProfile, py-spy or the like'

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        _declare(parser, ('profile_cpu', 'profile_memory', 'profiler_stop_after_crash'), action='store_true')
        _declare(parser, ('profile_location', 'profiler_agent', 'profile_temp_location'))
        parser.add_argument('--profile_sample_rate', type=float, default=1.0)
        _declare_list(parser, 'profiler_extra_arg', 'profiler_extra_args', 'comma_list')
        _declare_list(parser, 'profiler_extra_env_var', 'profiler_extra_env_vars', 'comma_list')
        parser.add_argument('--profile_upload_interval_sec', type=int, default=300)
        parser.add_argument('--profiler_stop_after_sec', type=int, default=0)
        parser.add_argument('--profile_postprocess_interval_sec', type=int, default=600)


class StreamingOptions(PipelineOptions):
    """Options of updates of a running pipeline."""

    _no_effect: ClassVar[str] = 'a pipeline is planned by the bourne that runs it'

    @classmethod
    def _add_argparse_args(cls, parser: Any) -> None:
        parser.add_argument('--update_compatibility_version', nargs='?')


def lookup(options: list[str] | None, key: str, default: Any) -> Any:
    """Finds ``key`` or ``key=value`` in a list of options."""
    for option in options or ():
        name, equals, value = option.partition('=')
        if name == key:
            return value if equals else True
    return default
