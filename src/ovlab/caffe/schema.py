"""The Caffe messages that this reader knows, as a table: no generated code, no protoc.

Names and field numbers are those of BVLC Caffe's ``caffe.proto``, of its forks (SSD, DeepLab, SegNet, Faster R-CNN,
FlowNet, YOLO) and of what Model Optimizer 2022 read; where two forks gave one number to two fields, thousands are
added to one of them. A field is written ``name number type [=default]``; a type ending in ``*`` is repeated,
``A:0|B:1`` is an enumeration, a capitalised type is another message. Fields that only matter in training are not here:
`ovlab.caffe.scan` takes them out of the text first, and a binary reader skips what it does not know.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# The old form's enumeration of layer types, and today's name of each.
V1_TYPES: dict[str, tuple[int, str]] = {
    "NONE": (0, "None"),
    "ACCURACY": (1, "Accuracy"),
    "BNLL": (2, "BNLL"),
    "CONCAT": (3, "Concat"),
    "CONVOLUTION": (4, "Convolution"),
    "DATA": (5, "Data"),
    "DROPOUT": (6, "Dropout"),
    "EUCLIDEAN_LOSS": (7, "EuclideanLoss"),
    "FLATTEN": (8, "Flatten"),
    "HDF5_DATA": (9, "HDF5Data"),
    "HDF5_OUTPUT": (10, "HDF5Output"),
    "IM2COL": (11, "Im2col"),
    "IMAGE_DATA": (12, "ImageData"),
    "INFOGAIN_LOSS": (13, "InfogainLoss"),
    "INNER_PRODUCT": (14, "InnerProduct"),
    "LRN": (15, "LRN"),
    "MULTINOMIAL_LOGISTIC_LOSS": (16, "MultinomialLogisticLoss"),
    "POOLING": (17, "Pooling"),
    "RELU": (18, "ReLU"),
    "SIGMOID": (19, "Sigmoid"),
    "SOFTMAX": (20, "Softmax"),
    "SOFTMAX_LOSS": (21, "SoftmaxWithLoss"),
    "SPLIT": (22, "Split"),
    "TANH": (23, "TanH"),
    "WINDOW_DATA": (24, "WindowData"),
    "ELTWISE": (25, "Eltwise"),
    "POWER": (26, "Power"),
    "SIGMOID_CROSS_ENTROPY_LOSS": (27, "SigmoidCrossEntropyLoss"),
    "HINGE_LOSS": (28, "HingeLoss"),
    "MEMORY_DATA": (29, "MemoryData"),
    "ARGMAX": (30, "ArgMax"),
    "THRESHOLD": (31, "Threshold"),
    "DUMMY_DATA": (32, "DummyData"),
    "SLICE": (33, "Slice"),
    "MVN": (34, "MVN"),
    "ABSVAL": (35, "AbsVal"),
    "SILENCE": (36, "Silence"),
    "CONTRASTIVE_LOSS": (37, "ContrastiveLoss"),
    "EXP": (38, "Exp"),
    "DECONVOLUTION": (39, "Deconvolution"),
}

_NET: dict[str, str] = {
    "BlobShape": "dim 1 int64*",
    "NetState": "phase 1 TRAIN:0|TEST:1 =TEST, level 2 int32 =0, stage 3 string*",
    "NetStateRule": (
        "phase 1 TRAIN:0|TEST:1, min_level 2 int32, max_level 3 int32, stage 4 string*, not_stage 5 string*"
    ),
    "ArgMaxParameter": "out_max_val 1 bool =false, top_k 2 uint32 =1, axis 3 int32",
    "BNParameter": "eps 4 float =1e-5, frozen 5 bool =false, bn_mode 7 LEARN:0|INFERENCE:1 =LEARN",
    "BatchNormParameter": "use_global_stats 1 bool, eps 3 float =1e-5, scale_bias 7 bool =false",
    "BiasParameter": "axis 1 int32 =1, num_axes 2 int32 =1",
    "CTCDecoderParameter": "blank_index 1 int32 =-1, ctc_merge_repeated 2 bool =true",
    "ClipParameter": "min 1 float, max 2 float",
    "ConcatParameter": "concat_dim 1 uint32 =1, axis 2 int32 =1",
    "ConvolutionParameter": (
        "num_output 1 uint32, bias_term 2 bool =true, pad 3 uint32*, kernel_size 4 uint32*, group 5 uint32 =1,"
        "stride 6 uint32*, pad_h 9 uint32 =0, pad_w 10 uint32 =0, kernel_h 11 uint32, kernel_w 12 uint32,"
        "stride_h 13 uint32, stride_w 14 uint32, axis 16 int32 =1, dilation 18 uint32*"
    ),
    "CropParameter": "axis 1 int32 =2, offset 2 uint32*",
    "DetectionOutputParameter": (
        "num_classes 1 uint32, share_location 2 bool =true, background_label_id 3 int32 =0,"
        "nms_param 4 NonMaximumSuppressionParameter, code_type 6 CORNER:1|CENTER_SIZE:2|CORNER_SIZE:3 =CORNER,"
        "keep_top_k 7 int32 =-1, variance_encoded_in_target 8 bool =false, confidence_threshold 9 float,"
        "objectness_score 16 float =0.01, clip 1000 bool =false"
    ),
    "DropoutParameter": "dropout_ratio 1 float =0.5",
    "DummyDataParameter": (
        "data_filler 1 FillerParameter*, num 2 uint32*, channels 3 uint32*, height 4 uint32*, width 5 uint32*,"
        "shape 6 BlobShape*"
    ),
    "ELUParameter": "alpha 1 float =1",
    "EltwiseParameter": "operation 1 PROD:0|SUM:1|MAX:2 =SUM, coeff 2 float*",
    "EmbedParameter": "num_output 1 uint32, input_dim 2 uint32, bias_term 3 bool =true",
    "ExpParameter": "base 1 float =-1, scale 2 float =1, shift 3 float =0",
    "FillerParameter": (
        "type 1 string =constant, value 2 float =0, min 3 float, max 4 float, mean 5 float, std 6 float,"
        "sparse 7 int32, variance_norm 8 FAN_IN:0|FAN_OUT:1|AVERAGE:2"
    ),
    "FlattenParameter": "axis 1 int32 =1, end_axis 2 int32 =-1",
    "GRNParameter": "bias 1 float =1",
    "InnerProductParameter": "num_output 1 uint32, bias_term 2 bool =true, axis 5 int32 =1, transpose 6 bool =false",
    "InputParameter": "shape 1 BlobShape*",
    "InterpParameter": (
        "height 1 int32, width 2 int32, zoom_factor 3 int32, shrink_factor 4 int32, pad_beg 5 int32 =0,"
        "pad_end 6 int32 =0"
    ),
    "LRNParameter": (
        "local_size 1 uint32 =5, alpha 2 float =1, beta 3 float =0.75,"
        "norm_region 4 ACROSS_CHANNELS:0|WITHIN_CHANNEL:1 =ACROSS_CHANNELS, k 5 float =1"
    ),
    "LogParameter": "base 1 float =-1, scale 2 float =1, shift 3 float =0",
    "MVNParameter": "normalize_variance 1 bool =true, across_channels 2 bool =false, eps 3 float =1e-9",
    "NonMaximumSuppressionParameter": "nms_threshold 1 float =0.3, top_k 2 int32, eta 3 float =1",
    "NormalizeParameter": "across_spatial 1 bool =true, channel_shared 3 bool =true, eps 4 float =1e-10",
    "PSROIPoolingParameter": "spatial_scale 1 float, output_dim 2 int32, group_size 3 int32",
    "ParameterParameter": "shape 1 BlobShape",
    "PReLUParameter": "channel_shared 2 bool =false",
    "PermuteParameter": "order 1 uint32*",
    "PoolingParameter": (
        "pool 1 MAX:0|AVE:1|STOCHASTIC:2 =MAX, kernel_size 2 uint32, stride 3 uint32 =1, pad 4 uint32 =0,"
        "kernel_h 5 uint32, kernel_w 6 uint32, stride_h 7 uint32, stride_w 8 uint32, pad_h 9 uint32 =0,"
        "pad_w 10 uint32 =0, global_pooling 12 bool =false, round_mode 13 CEIL:0|FLOOR:1 =CEIL,"
        "ceil_mode 1013 bool =true"
    ),
    "PowerParameter": "power 1 float =1, scale 2 float =1, shift 3 float =0",
    "PriorBoxParameter": (
        "min_size 1 float*, max_size 2 float*, aspect_ratio 3 float*, flip 4 bool =true, clip 5 bool =false,"
        "variance 6 float*, img_size 7 uint32, img_h 8 uint32, img_w 9 uint32, step 10 float, step_h 11 float,"
        "step_w 12 float, offset 13 float =0.5, width 14 float*, height 15 float*, fixed_size 16 float*,"
        "fixed_ratio 17 float*, density 18 float*, offset_h 1014 float*, offset_w 1015 float*"
    ),
    "ProposalParameter": (
        "feat_stride 1 uint32 =16, base_size 2 uint32 =16, min_size 3 uint32 =16, ratio 4 float*, scale 5 float*,"
        "pre_nms_topn 6 uint32 =6000, post_nms_topn 7 uint32 =300, nms_thresh 8 float =0.7"
    ),
    "PythonParameter": "module 1 string, layer 2 string, param_str 3 string, share_in_parallel 4 bool =false",
    "ROIPoolingParameter": "pooled_h 1 uint32 =0, pooled_w 2 uint32 =0, spatial_scale 3 float =1",
    "ReLU6Parameter": "n 1 float =6",
    "ReLUParameter": "negative_slope 1 float =0",
    "RecurrentParameter": "num_output 1 uint32 =0, expose_hidden 5 bool =false",
    "ReductionParameter": "operation 1 SUM:1|ASUM:2|SUMSQ:3|MEAN:4 =SUM, axis 2 int32 =0, coeff 3 float =1",
    "RegionYoloParameter": (
        "coords 1 int32 =4, classes 2 int32 =20, num 3 int32 =1, do_softmax 4 bool =true, anchors 5 float*,"
        "mask 6 int32*"
    ),
    "ReorgParameter": "stride 1 uint32, reverse 2 bool =false",
    "ReorgYoloParameter": "stride 1 uint32",
    "ResampleParameter": (
        "width 1 uint32, height 2 uint32, type 3 NEAREST:1|LINEAR:2|CUBIC:3|AREA:4 =LINEAR, antialias 4 bool =true,"
        "factor 5 float =1"
    ),
    "ReshapeParameter": "shape 1 BlobShape, axis 2 int32 =0, num_axes 3 int32 =-1",
    "ReverseParameter": "axis 1 int32 =0",
    "SPPParameter": "pyramid_height 1 uint32, pool 2 MAX:0|AVE:1|STOCHASTIC:2 =MAX",
    "ScaleParameter": "axis 1 int32 =1, num_axes 2 int32 =1, bias_term 4 bool =false",
    "ShuffleChannelParameter": "group 1 uint32",
    "SliceParameter": "slice_dim 1 uint32 =1, slice_point 2 uint32*, axis 3 int32 =1",
    "SoftmaxParameter": "axis 2 int32 =1",
    "SwishParameter": "beta 1 float =1",
    "ThresholdParameter": "threshold 1 float =0",
    "TileParameter": "axis 1 int32 =1, tiles 2 int32",
    "TransposeParameter": "dim 1 int32*",
    "UpsampleParameter": (
        "scale 1 uint32, scale_h 2 uint32, scale_w 3 uint32, pad_out_h 4 bool =false, pad_out_w 5 bool =false,"
        "upsample_h 6 uint32, upsample_w 7 uint32"
    ),
    "LayerParameter": (
        "name 1 string, type 2 string, bottom 3 string*, top 4 string*, include 8 NetStateRule*,"
        "exclude 9 NetStateRule*, phase 10 TRAIN:0|TEST:1, argmax_param 103 ArgMaxParameter,"
        "concat_param 104 ConcatParameter, convolution_param 106 ConvolutionParameter,"
        "dropout_param 108 DropoutParameter, dummy_data_param 109 DummyDataParameter,"
        "eltwise_param 110 EltwiseParameter, exp_param 111 ExpParameter,"
        "inner_product_param 117 InnerProductParameter, lrn_param 118 LRNParameter, mvn_param 120 MVNParameter,"
        "pooling_param 121 PoolingParameter, power_param 122 PowerParameter, relu_param 123 ReLUParameter,"
        "softmax_param 125 SoftmaxParameter, slice_param 126 SliceParameter, threshold_param 128 ThresholdParameter,"
        "python_param 130 PythonParameter, prelu_param 131 PReLUParameter, spp_param 132 SPPParameter,"
        "reshape_param 133 ReshapeParameter, log_param 134 LogParameter, flatten_param 135 FlattenParameter,"
        "reduction_param 136 ReductionParameter, embed_param 137 EmbedParameter, tile_param 138 TileParameter,"
        "batch_norm_param 139 BatchNormParameter, elu_param 140 ELUParameter, bias_param 141 BiasParameter,"
        "scale_param 142 ScaleParameter, input_param 143 InputParameter, crop_param 144 CropParameter,"
        "parameter_param 145 ParameterParameter, recurrent_param 146 RecurrentParameter, clip_param 148 ClipParameter,"
        "reorg_param 159 ReorgParameter, proposal_param 201 ProposalParameter,"
        "psroi_pooling_param 207 PSROIPoolingParameter, roi_pooling_param 208 ROIPoolingParameter,"
        "grn_param 213 GRNParameter, region_yolo_param 214 RegionYoloParameter,"
        "reorg_yolo_param 215 ReorgYoloParameter, relu6_param 216 ReLU6Parameter, resample_param 220 ResampleParameter,"
        "shuffle_channel_param 224 ShuffleChannelParameter, swish_param 1147 SwishParameter,"
        "reverse_param 2147 ReverseParameter, ctc_decoder_param 1149 CTCDecoderParameter,"
        "transpose_param 1150 TransposeParameter,"
        "interp_param 147 InterpParameter, upsample_param 149 UpsampleParameter, bn_param 152 BNParameter,"
        "permute_param 202 PermuteParameter, prior_box_param 203 PriorBoxParameter,"
        "detection_output_param 204 DetectionOutputParameter, norm_param 206 NormalizeParameter"
    ),
    "V1LayerParameter": (
        "bottom 2 string*, top 3 string*, name 4 string, type 5 "
        + "|".join(f"{name}:{number}" for name, (number, _) in V1_TYPES.items())
        + ", concat_param 9 ConcatParameter, convolution_param 10 ConvolutionParameter,"
        "dropout_param 12 DropoutParameter, inner_product_param 17 InnerProductParameter,"
        "lrn_param 18 LRNParameter, pooling_param 19 PoolingParameter, power_param 21 PowerParameter,"
        "argmax_param 23 ArgMaxParameter, eltwise_param 24 EltwiseParameter, threshold_param 25 ThresholdParameter,"
        "dummy_data_param 26 DummyDataParameter, mvn_param 34 MVNParameter,"
        "relu_param 30 ReLUParameter, slice_param 31 SliceParameter, include 32 NetStateRule*,"
        "exclude 33 NetStateRule*, softmax_param 39 SoftmaxParameter, exp_param 41 ExpParameter"
    ),
    "NetParameter": (
        "name 1 string, layers 2 V1LayerParameter*, input 3 string*, input_dim 4 int32*, state 6 NetState,"
        "input_shape 8 BlobShape*, layer 100 LayerParameter*"
    ),
}

# What is read of a caffemodel: names, types and blobs; the layers' settings come from the prototxt. The packed floats
# are declared as the bytes that they are on the wire, so that NumPy can view them without a copy a number.
# raw_data is NVCaffe's (and OpenCV's) form of storing half precision.
_WEIGHTS: dict[str, str] = {
    "BlobShape": "dim 1 int64*",
    "BlobProto": (
        "num 1 int32, channels 2 int32, height 3 int32, width 4 int32, data 5 bytes, shape 7 BlobShape,"
        "double_data 8 bytes, raw_data_type 10 int32, raw_data 12 bytes"
    ),
    "LayerParameter": "name 1 bytes, type 2 bytes, blobs 7 BlobProto*",
    "V1LayerParameter": "name 4 bytes, type 5 int32, blobs 6 BlobProto*",
    "NetParameter": "layers 2 V1LayerParameter*, layer 100 LayerParameter*",
}


def _add_field(message: descriptor_pb2.DescriptorProto, package: str, spec: str) -> None:
    """Add the field that one ``name number type [=default]`` describes."""
    name, number, kind, *default = spec.split()
    field = message.field.add(name=name, number=int(number))
    repeated = kind.endswith("*")
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    kind = kind.removesuffix("*")
    if ":" in kind:
        enum = message.enum_type.add(name=name.title().replace("_", ""))
        for value in kind.split("|"):
            key, _, value_number = value.partition(":")
            enum.value.add(name=key, number=int(value_number))
        field.type = field.TYPE_ENUM
        field.type_name = f".{package}.{message.name}.{enum.name}"
    elif kind[0].isupper():
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{package}.{kind}"
    else:
        field.type = descriptor_pb2.FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    if default:
        field.default_value = default[0].removeprefix("=")


def _net_class(package: str, table: dict[str, str]) -> Any:
    """Make the message classes of a table and return ``NetParameter``."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
    for message_name, fields in table.items():
        message = file.message_type.add(name=message_name)
        for spec in fields.split(","):
            _add_field(message, package, spec)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.NetParameter"))


NetParameter = _net_class("caffe", _NET)
"""The message class of a prototxt."""

NetWeights = _net_class("caffe_weights", _WEIGHTS)
"""The message class of a caffemodel, blobs only."""
